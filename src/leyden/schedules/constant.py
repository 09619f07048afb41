"""One value for the whole run."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.schedules._lengths import length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule


@schedule("constant")
@dataclass(frozen=True, kw_only=True)
class Constant(Warmed):
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

    def peak(self, base: float, /) -> float:
        return base if self.level is None else self.level

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        return peak

    def check(self, horizon: Horizon, /) -> list[str]:
        return length_problems("warmup", self.warmup, horizon, least=0)
