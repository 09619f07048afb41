"""Reading ``metrics.csv`` without pandas: each metric as steps and values."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Series:
    """One metric over the steps of one repeat.

    Args:
        steps: Optimizer steps, ascending.
        values: The value at each.
    """

    steps: list[int] = field(default_factory=list[int])
    values: list[float] = field(default_factory=list[float])


def read_series(file: Path) -> dict[str, Series]:
    """Every metric of a ``metrics.csv``, in the order of its columns; empty where there is no file.

    A line without an end, which another process may be writing just now, is left out.
    """
    if not file.exists():
        return {}
    header, *rows = list(csv.reader(whole_lines(file))) or [["step"]]
    points: dict[str, dict[int, float]] = {name: {} for name in header[1:]}
    for step, *cells in rows:
        for name, cell in zip(header[1:], cells, strict=True):
            if cell:
                points[name][int(step)] = float(cell)
    return {name: _series(values) for name, values in points.items()}


def whole_lines(file: Path) -> list[str]:
    """The lines of a text file that have an end."""
    return [f"{line}\n" for line in file.read_text(encoding="utf-8").split("\n")[:-1]]


def _series(points: dict[int, float]) -> Series:
    steps = sorted(points)
    return Series(steps, [points[step] for step in steps])


def finite(series: Series) -> Series:
    """The points that are numbers."""
    kept = [(s, v) for s, v in zip(series.steps, series.values, strict=True) if math.isfinite(v)]
    return Series([s for s, _ in kept], [v for _, v in kept])
