"""One value for the whole run."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.schedules._lengths import NO_STEPS, in_steps, length_problems
from leyden.schedules._warmup import Shape, warmed
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("constant")
@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """Stays at one value, after a warm-up if there is one.

    Args:
        level: The value; without it the unscheduled one (``optimizer.lr`` for a learning rate, 1 for a loss
            weight).
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the value.
        warmup_shape: Shape of the warm-up.

    Example:
        type: constant
        warmup: 500 steps
    """

    level: float | None = None
    warmup: Duration = NO_STEPS
    warmup_start: float | None = None
    warmup_shape: Shape = "linear"

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        peak = base if self.level is None else self.level
        ramp = in_steps(self.warmup, horizon)
        return peak if step >= ramp else warmed(step, ramp, self.warmup_start, peak, self.warmup_shape)

    def check(self, horizon: Horizon, /) -> list[str]:
        return length_problems("warmup", self.warmup, horizon, least=0)
