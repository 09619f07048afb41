"""The same factor for every equal length of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._lengths import ONE_EPOCH, in_steps, length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule
from leyden.spec.durations import Duration


@schedule("exponential")
@dataclass(frozen=True, kw_only=True)
class Exponential(Warmed):
    """Multiplied by ``gamma`` over each ``every``, smoothly, but never below ``min``.

    The value is ``start * gamma**(step / every)``. torch's ``ExponentialLR``, which moves once an epoch, is
    this schedule inside ``staircase``.

    Args:
        gamma: Factor for each ``every``.
        every: Length over which ``gamma`` is reached.
        start: Value after the warm-up; without it the unscheduled one.
        min: Floor.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of ``start``.
        warmup_shape: Shape of the warm-up.

    Example:
        type: exponential
        gamma: 0.95
        every: 1 epoch
    """

    gamma: Annotated[float, Field(gt=0)]
    every: Duration = ONE_EPOCH
    start: float | None = None
    min: float = 0.0

    def peak(self, base: float, /) -> float:
        return base if self.start is None else self.start

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        return max(self.min, peak * self.gamma ** (step / in_steps(self.every, horizon)))

    def check(self, horizon: Horizon, /) -> list[str]:
        return super().check(horizon) + length_problems("every", self.every, horizon)
