"""A fall that holds on to high values for long and drops late."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.schedules._lengths import NO_STEPS, in_steps, warmup_problems
from leyden.schedules._warmup import Shape, warmed
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("rex")
@dataclass(frozen=True, kw_only=True)
class Rex(Schedule):
    """The reflected exponential (Chen et al. 2021): ``min + (max - min) x / (1/2 + x/2)``, ``x`` the rest.

    Args:
        max: Peak; without it the unscheduled value.
        min: Value at the end of the run.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the peak.
        warmup_shape: Shape of the warm-up.

    Example:
        type: rex
        warmup: 1 epoch
        warmup_start: 1e-6
        warmup_shape: cosine
    """

    max: float | None = None
    min: float = 0.0
    warmup: Duration = NO_STEPS
    warmup_start: float | None = None
    warmup_shape: Shape = "linear"

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        peak = base if self.max is None else self.max
        ramp = in_steps(self.warmup, horizon)
        if step < ramp:
            return warmed(step, ramp, self.warmup_start, peak, self.warmup_shape)
        if step >= horizon.steps:
            return self.min
        left = 1 - (step - ramp) / (horizon.steps - ramp)
        return self.min + (peak - self.min) * left / (0.5 + 0.5 * left)

    def check(self, horizon: Horizon, /) -> list[str]:
        return warmup_problems(self.warmup, horizon)
