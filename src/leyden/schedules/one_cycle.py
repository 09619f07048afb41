"""Up to the peak and down far below the beginning, in one cycle over the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from leyden.schedules.schedule import Horizon, Schedule, schedule


@schedule("one_cycle")
@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Climbs from ``max / div_factor`` to ``max``, then falls to ``max / (div_factor * final_div_factor)``.

    The values are those of torch's ``OneCycleLR`` over the optimizer steps of the run; later steps stay at
    the last value. Momentum is not cycled.

    Args:
        max: Peak; without it the unscheduled value.
        pct_start: Part of the run that climbs.
        anneal_strategy: Shape of the climb and of the fall.
        div_factor: The first value is the peak divided by this.
        final_div_factor: The last value is the first divided by this.
        three_phase: Fall back to the first value as fast as it climbed, and only then to the last.

    Example:
        type: one_cycle
        pct_start: 0.25
    """

    max: float | None = None
    pct_start: Annotated[float, Field(gt=0, lt=1)] = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: Annotated[float, Field(ge=1)] = 25.0
    final_div_factor: Annotated[float, Field(ge=1)] = 1e4
    three_phase: bool = False

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        peak = base if self.max is None else self.max
        first = peak / self.div_factor
        last = first / self.final_div_factor
        top = self.pct_start * horizon.steps - 1  # torch counts the peak as the last step of the climb
        end = horizon.steps - 1
        borders = [(0.0, first), (top, peak), (end, last)]
        if self.three_phase:
            borders.insert(2, (2 * top, first))
        for (left, start), (right, stop) in pairwise(borders):
            if step <= right and left < right:
                return self._between(start, stop, (step - left) / (right - left))
        return last

    def _between(self, start: float, stop: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (stop - start) * done
        return stop + (start - stop) * (1 + math.cos(math.pi * done)) / 2

    def check(self, horizon: Horizon, /) -> list[str]:
        found: list[str] = []
        if self.pct_start * horizon.steps < 2:
            found.append(
                f"pct_start must leave 2 steps or more for the climb, but {self.pct_start} of "
                f"{horizon.steps} steps is {self.pct_start * horizon.steps:g}; raise it or train longer"
            )
        if self.three_phase and self.pct_start >= 0.5:
            found.append(
                f"pct_start must be below 0.5 where three_phase is true, because the climb is made twice, "
                f"but it is {self.pct_start}; write e.g. pct_start: 0.3"
            )
        return found
