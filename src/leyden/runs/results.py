"""``results.json``: one row a repeat, and mean and standard deviation over those that came to their end."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from leyden.runs import atomic

Status = Literal["finished", "stopped", "interrupted", "failed"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one repeat went.

    Args:
        repeat: Number of the repeat, from 0.
        seed: Its seed.
        status: ``finished``, ``stopped`` (by a callback, in good order), ``interrupted`` or ``failed``.
        steps: Optimizer steps completed.
        epochs: Epochs completed.
        metrics: The newest value of everything measured.
        best: ``value``, ``step`` and ``path`` (in the run folder) of the best checkpoint by the monitor, or
            None.
        seconds: Time spent, over all processes that worked on it.
        weights_sha256: Digest of the final weights.
        reason: Why it stopped or failed, in words.
    """

    repeat: int
    seed: int
    status: Status
    steps: int = 0
    epochs: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    best: Mapping[str, Any] | None = None
    seconds: float = 0.0
    weights_sha256: str = ""
    reason: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ("finished", "stopped")


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and sample standard deviation of a metric over repeats.

    Args:
        mean: The mean.
        std: The standard deviation with ``count - 1`` in the denominator; NaN for a single repeat.
        count: How many repeats measured it.
    """

    mean: float
    std: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if math.isnan(self.std) else f"{self.mean:.4g} ± {self.std:.2g}"


def spreads(rows: Sequence[Row]) -> dict[str, Spread]:
    """Each metric's spread over the rows that are done."""
    done = [row for row in rows if row.is_done]
    found: dict[str, Spread] = {}
    for name in sorted({name for row in done for name in row.metrics}):
        values = [row.metrics[name] for row in done if name in row.metrics]
        mean = math.fsum(values) / len(values)
        known = len(values) > 1 and all(math.isfinite(value) for value in values)
        std = statistics.stdev(values) if known else math.nan
        found[name] = Spread(mean=mean, std=std, count=len(values))
    return found


def read(file: Path) -> list[Row]:
    """The rows, by repeat; none where nothing was written yet."""
    if not file.exists():
        return []
    return [_row(tree) for tree in atomic.read_json(file)["repeats"]]


def record(file: Path, row: Row) -> list[Row]:
    """Write a row in the place of an older one of the same repeat, and add its seconds. Returns all rows."""
    before = {old.repeat: old for old in read(file)}
    if row.repeat in before:
        row = replace(row, seconds=row.seconds + before[row.repeat].seconds)
    rows = [one for _, one in sorted({**before, row.repeat: row}.items())]
    over = {name: asdict(spread) for name, spread in spreads(rows).items()}
    atomic.write_json(file, {"repeats": [asdict(one) for one in rows], "over_repeats": over})
    return rows


def _row(tree: Mapping[str, Any]) -> Row:
    row, best = Row(**tree), tree["best"]
    numbers = {name: float(value) for name, value in row.metrics.items()}  # NaN is a string in JSON
    return replace(row, metrics=numbers, best=best and {**best, "value": float(best["value"])})
