"""A drop by the same factor at equal distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("step")
@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Multiplied by ``gamma`` after every ``step_size`` (torch's ``StepLR``), never below ``min``.

    Args:
        step_size: Distance between two drops.
        gamma: Factor of each drop.
        start: First value; without it the unscheduled one.
        min: Floor.

    Example:
        type: step
        step_size: 30 epochs
        gamma: 0.1
    """

    step_size: Duration
    gamma: Annotated[float, Field(gt=0)] = 0.1
    start: float | None = None
    min: float = 0.0

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        start = base if self.start is None else self.start
        return max(self.min, start * self.gamma ** (step // in_steps(self.step_size, horizon)))

    def check(self, horizon: Horizon, /) -> list[str]:
        return length_problems("step_size", self.step_size, horizon)
