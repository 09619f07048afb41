"""A power of the part of the run that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule
from leyden.spec.durations import Duration


@schedule("polynomial")
@dataclass(frozen=True, kw_only=True)
class Polynomial(Warmed):
    """Falls to ``end`` as ``(1 - done)**power``, and stays there: torch's ``PolynomialLR`` with an end value.

    Args:
        start: Value after the warm-up; without it the unscheduled one.
        end: Value at the end.
        power: Exponent; 1 is a straight line.
        over: Length of the fall; without it the rest of the run.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of ``start``.
        warmup_shape: Shape of the warm-up.

    Example:
        type: polynomial
        power: 0.9
    """

    start: float | None = None
    end: float = 0.0
    power: Annotated[float, Field(gt=0)] = 1.0
    over: Duration | None = None

    def peak(self, base: float, /) -> float:
        return base if self.start is None else self.start

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        length = rest if self.over is None else in_steps(self.over, horizon)
        if step >= length:
            return self.end
        left = 1 - step / length
        return self.end + (peak - self.end) * left**self.power

    def check(self, horizon: Horizon, /) -> list[str]:
        found = super().check(horizon)
        if self.over is not None:
            found += length_problems("over", self.over, horizon)
        return found
