"""Measure rivals in turns, so that what else the machine does hits all of them; say how the goals came out.

A benchmark is one file here: it prints a table for people and ends with the line that `finish` writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A promise with a number. ``holds`` is computed from what was measured, never written down."""

    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """The bound as text, e.g. ``<= 0.5``."""
        bounds = [] if self.at_most is None else [f"<= {self.at_most:g}"]
        bounds += [] if self.at_least is None else [f">= {self.at_least:g}"]
        return " and ".join(bounds)

    @property
    def holds(self) -> bool:
        """Whether the value is within the bounds."""
        low = self.at_least is None or self.value >= self.at_least
        high = self.at_most is None or self.value <= self.at_most
        return low and high


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


#: seconds of a call from on which a turn before those that count would show nothing, and fewer turns will do
SLOW = 1.0


def in_turns(
    rivals: Mapping[str, Callable[[], object]], *, rounds: int = 5, at_least: float = 0.0
) -> dict[str, float]:
    """Least wall seconds of each rival over ``rounds`` turns, after one turn that does not count.

    The least is what the code costs; everything above it is what the machine was doing besides. Whoever takes
    longer than ``SLOW`` counts from the first turn on, and takes every second one.

    Args:
        rivals: What is measured, by name.
        rounds: Turns.
        at_least: Seconds of a turn, in which short work is done many times: as in training, where nobody else
            empties the caches between two steps.
    """
    best = dict.fromkeys(rivals, float("inf"))
    for turn in range(rounds + 1):
        for name, work in rivals.items():
            if turn % 2 and SLOW < best[name] < float("inf"):
                continue
            begin = time.perf_counter()
            while True:
                took = seconds(work)
                best[name] = min(best[name], took if turn or took > SLOW else float("inf"))
                if time.perf_counter() - begin >= at_least:
                    break
    return best


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under headings, numbers to the right."""
    text = [[cell if isinstance(cell, str) else f"{cell:.4g}" for cell in row] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *text, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (list(columns), *text)
    ]
    return "\n".join(lines)


def finish(benchmark: str, goals: Sequence[Goal]) -> None:
    """Print how the goals came out, then the one line of JSON that `run_all.py` reads."""
    for goal in goals:
        print(f"{'met    ' if goal.holds else 'NOT MET'}  {goal.what}: {goal.value:.4g} (goal {goal.goal})")
    rows = [{**asdict(goal), "goal": goal.goal, "holds": goal.holds} for goal in goals]
    for row in rows:
        del row["at_most"], row["at_least"]
    print(json.dumps({"benchmark": benchmark, "goals": rows}))
