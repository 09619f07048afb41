"""A fall that holds on to high values for long and drops late."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule


@schedule("rex")
@dataclass(frozen=True, kw_only=True)
class Rex(Warmed):
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

    def peak(self, base: float, /) -> float:
        return base if self.max is None else self.max

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        if step >= rest:
            return self.min
        left = 1 - step / rest
        return self.min + (peak - self.min) * left / (0.5 + 0.5 * left)
