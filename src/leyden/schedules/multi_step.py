"""A drop by the same factor at chosen places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("multi_step")
@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiplied by ``gamma`` at each milestone (torch's ``MultiStepLR``).

    Args:
        milestones: Where the drops are, counted from the beginning of the run.
        gamma: Factor of each drop.
        start: First value; without it the unscheduled one.

    Example:
        type: multi_step
        milestones: [30 epochs, 60 epochs, 80 %]
        gamma: 0.2
    """

    milestones: list[Duration]
    gamma: Annotated[float, Field(gt=0)] = 0.1
    start: float | None = None

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        start = base if self.start is None else self.start
        passed = sum(step >= in_steps(milestone, horizon) for milestone in self.milestones)
        return start * self.gamma**passed

    def check(self, horizon: Horizon, /) -> list[str]:
        found: list[str] = []
        for number, milestone in enumerate(self.milestones):
            problems = length_problems(f"milestones[{number}]", milestone, horizon)
            if not problems and in_steps(milestone, horizon) >= horizon.steps:
                problems = [
                    f"milestones[{number}] must lie inside the run, but {milestone} is step "
                    f"{in_steps(milestone, horizon)} of {horizon.steps}; remove it or train longer"
                ]
            found += problems
        return found
