"""A schedule that moves only every so often."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.schedules._lengths import ONE_EPOCH, in_steps, length_problems
from leyden.schedules.schedule import Horizon, MeasuredSchedule, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("staircase")
@dataclass(frozen=True, kw_only=True)
class Staircase(Schedule):
    """Holds the value that another schedule has at the beginning of each ``every``.

    Args:
        schedule: The schedule to follow.
        every: How long each value is held.

    Example:
        type: staircase
        schedule: {type: exponential, gamma: 0.9}
        every: 1 epoch
    """

    schedule: Schedule
    every: Duration = ONE_EPOCH

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        every = in_steps(self.every, horizon)
        return self.schedule.value(step // every * every, base, horizon)

    def check(self, horizon: Horizon, /) -> list[str]:
        found = length_problems("every", self.every, horizon)
        if isinstance(self.schedule, MeasuredSchedule):
            found.append(
                f"schedule must be a function of the step, but {type(self.schedule).__name__} follows "
                f"{self.schedule.monitor} and moves at validations anyway; use it alone"
            )
        return found + [f"schedule.{problem}" for problem in self.schedule.check(horizon)]
