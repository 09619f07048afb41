"""What a run came to: its numbers in a table, where everything is, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import terminal

if TYPE_CHECKING:
    from leyden.main.train import Result
    from leyden.runs.results import Row, Spread

#: with more repeats than this, only mean and standard deviation are shown
COLUMNS = 5
#: what is recorded with the metrics, but is no result
SETTINGS = ("lr",)


def tell(result: Result) -> None:
    """Print the table, the files, and the commands that come next."""
    done = [row for row in result.rows if row.is_done]
    if done:
        print()
        numbers({row.repeat: row.metrics for row in done})
        best(done, result.folder.summary["checkpoint"]["monitor"])
    folder = result.folder
    print()
    terminal.facts({"run folder": str(folder.path), **files(folder.path)})
    if done:
        print(f"\nNext:\n  leyden test {folder.path}\n  leyden export {folder.path} --format onnx")


def numbers(measured: Mapping[int, Mapping[str, float]]) -> None:
    """A line a metric: the value of each repeat, and mean and standard deviation over them."""
    several = len(measured) > 1
    shown = measured if len(measured) <= COLUMNS else {}
    repeats = [f"repeat {repeat}" for repeat in shown] if several else ["value"]
    columns = ["measured", *repeats, *(["mean ± std"] if several else [])]
    names = {name for values in measured.values() for name in values if name not in SETTINGS}
    rows = [
        [
            name,
            *(f"{values.get(name, math.nan):.4g}" for values in shown.values()),
            *([str(spread([values.get(name, math.nan) for values in measured.values()]))] if several else []),
        ]
        for name in sorted(names, key=rank)
    ]
    terminal.table(columns, rows, right=columns[1:])


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of one metric over repeats."""
    from leyden.runs.results import Row, spreads

    rows = [Row(repeat=k, seed=0, status="finished", metrics={"": value}) for k, value in enumerate(values)]
    return spreads(rows)[""]


def best(done: Sequence[Row], monitor: str) -> None:
    """The checkpoint of each repeat that `leyden test` takes."""
    for row in done:
        if row.best is not None:
            where = f"step {row.best['step']:,}" + (f" of repeat {row.repeat}" if len(done) > 1 else "")
            print(f"best {monitor}: {row.best['value']:.4g}, after {where}")


def rank(name: str) -> tuple[int, str]:
    """Validation first, then training, then the rest."""
    return (
        ("val", "train").index(name[: name.find("/")]) if name.startswith(("val/", "train/")) else 2,
        name,
    )


def files(folder: Path) -> dict[str, str]:
    """Those files that people look for, by what they hold."""
    named = {
        "curves": "curves.png",
        "numbers": "logs/repeat_0/metrics.csv",
        "results": "results.json",
        "settings": "resolved.yaml",
    }
    return {what: path for what, path in named.items() if (folder / path).exists()}
