"""A wave between two values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._cycles import cycle_at
from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("sinusoidal")
@dataclass(frozen=True, kw_only=True)
class Sinusoidal(Schedule):
    """Begins at ``max``, swings to ``min`` and back once a period.

    Args:
        period: Length of the first swing.
        max: Highest value; without it the unscheduled one.
        min: Lowest value.
        log: Swing evenly in the logarithm; both ends must be positive.
        damping: The wave shrinks by ``exp(-damping)`` each period, toward the middle (with ``log``, toward
            ``min``).
        period_decay: Factor on the length of the period with each swing; above 1 the periods grow.

    Example:
        type: sinusoidal
        period: 5 epochs
        min: 0.1
    """

    period: Duration
    max: float | None = None
    min: float = 0.0
    log: bool = False
    damping: Annotated[float, Field(ge=0)] = 0.0
    period_decay: Annotated[float, Field(gt=0)] = 1.0

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        top = base if self.max is None else self.max
        number, done = cycle_at(step, in_steps(self.period, horizon), self.period_decay)
        wave = math.cos(2 * math.pi * done)
        height = math.exp(-self.damping * (number + done))
        if self.log:
            return math.exp(
                math.log(self.min) + (wave + 1) / 2 * (math.log(top) - math.log(self.min)) * height
            )
        return (top + self.min) / 2 + height * (top - self.min) / 2 * wave

    def check(self, horizon: Horizon, /) -> list[str]:
        found = length_problems("period", self.period, horizon)
        if not found and self.period_decay < 1:
            end = in_steps(self.period, horizon) / (1 - self.period_decay)
            if end <= horizon.steps:
                found.append(
                    f"period_decay must leave periods until the end, but with {self.period_decay} they have "
                    f"shrunk to nothing after {end:.0f} of {horizon.steps} steps; write a longer period"
                )
        if self.log and self.min <= 0:
            found.append(
                f"min must be positive where log is true, but it is {self.min}; write e.g. min: 0.01"
            )
        return found
