"""One over the square root of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule
from leyden.spec.durations import Duration


@schedule("inverse_sqrt")
@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Warmed):
    """After the warm-up ``max * sqrt(s / (s + t))``, ``t`` the steps since then and ``s`` the timescale.

    With a warm-up and no timescale of its own this is Vaswani et al. 2017: ``max * sqrt(warmup / step)``. It
    needs no knowledge of the run's length.

    Args:
        max: Peak; without it the unscheduled value.
        min: Floor.
        timescale: Steps until the value has fallen to ``1 / sqrt(2)``; without it the length of the warm-up.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the peak.
        warmup_shape: Shape of the warm-up.

    Example:
        type: inverse_sqrt
        warmup: 4000 steps
    """

    max: float | None = None
    min: float = 0.0
    timescale: Duration | None = None

    def peak(self, base: float, /) -> float:
        return base if self.max is None else self.max

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        scale = in_steps(self.timescale or self.warmup, horizon)
        return max(self.min, peak * math.sqrt(scale / (scale + step)))

    def check(self, horizon: Horizon, /) -> list[str]:
        if self.timescale is not None:
            return super().check(horizon) + length_problems("timescale", self.timescale, horizon)
        return super().check(horizon) + [
            f"{problem} (without a timescale, the warm-up sets it)"
            for problem in length_problems("warmup", self.warmup, horizon)
        ]
