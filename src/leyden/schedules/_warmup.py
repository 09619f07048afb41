"""The warm-up that most schedules begin with."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

from leyden.schedules._lengths import NO_STEPS, in_steps, warmup_problems
from leyden.schedules.schedule import Horizon, Schedule
from leyden.spec.durations import Duration

Shape = Literal["linear", "cosine"]


@dataclass(frozen=True, kw_only=True)
class Warmed(Schedule):
    """A schedule with a warm-up before it.

    Args:
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the peak.
        warmup_shape: Shape of the warm-up.
    """

    warmup: Duration = NO_STEPS
    warmup_start: float | None = None
    warmup_shape: Shape = "linear"

    @abstractmethod
    def peak(self, base: float, /) -> float:
        """The value that the warm-up ends at, where the unscheduled one is ``base``."""

    @abstractmethod
    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        """The value ``step`` steps behind the warm-up, which has left ``rest`` steps of the run."""

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        peak, ramp = self.peak(base), in_steps(self.warmup, horizon)
        if step < ramp:
            return warmed(step, ramp, self.warmup_start, peak, self.warmup_shape)
        return self.after(step - ramp, horizon.steps - ramp, peak, horizon)

    def check(self, horizon: Horizon, /) -> list[str]:
        return warmup_problems(self.warmup, horizon)


def warmed(step: int, length: int, start: float | None, peak: float, shape: Shape = "linear") -> float:
    """The value in step ``step`` of a warm-up of ``length`` steps; step ``length`` is the first at ``peak``.

    Without ``start`` the ramp is ``peak * (step + 1) / (length + 1)``: the first step already learns, and
    none is spent at zero. With ``start`` the first step has exactly that value: ``start + (peak - start) *
    step / length``. A cosine ramp replaces the fraction ``f`` by ``(1 - cos(pi f)) / 2``.
    """
    low, done = (0.0, (step + 1) / (length + 1)) if start is None else (start, step / length)
    if shape == "cosine":
        done = (1 - math.cos(math.pi * done)) / 2
    return low + (peak - low) * done
