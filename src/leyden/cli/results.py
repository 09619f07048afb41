"""What a run came to: its numbers in a table, where everything is, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import terminal

if TYPE_CHECKING:
    from leyden.main.train import Result
    from leyden.runs.results import Row

#: with more repeats than this, only mean and standard deviation are shown
COLUMNS = 5


def tell(result: Result) -> None:
    """Print the table, the files, and the commands that come next."""
    done = [row for row in result.rows if row.is_done]
    if done:
        print()
        numbers(result, done)
        best(done, result.folder.summary["checkpoint"]["monitor"])
    folder = result.folder
    print()
    terminal.facts({"run folder": str(folder.path), **files(folder.path)})
    if done:
        print(f"\nNext:\n  leyden test {folder.path}\n  leyden export {folder.path} --format onnx")


def numbers(result: Result, done: Sequence[Row]) -> None:
    """A line a metric: each repeat's last value, and mean and standard deviation over them."""
    several = len(done) > 1
    shown = done if len(done) <= COLUMNS else []
    repeats = [f"repeat {row.repeat}" for row in shown] if several else ["value"]
    columns = ["measured", *repeats, *(["mean ± std"] if several else [])]
    rows = [
        [
            name,
            *(f"{row.metrics.get(name, float('nan')):.4g}" for row in shown),
            *([str(spread)] if several else []),
        ]
        for name, spread in sorted(result.metrics.items(), key=lambda item: rank(item[0]))
    ]
    terminal.table(columns, rows, right=columns[1:])


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
