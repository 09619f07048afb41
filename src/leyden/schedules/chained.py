"""Schedules one after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated

from pydantic import Field

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules.schedule import Horizon, MeasuredSchedule, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("chained")
@dataclass(frozen=True, kw_only=True)
class Chained(Schedule):
    """Runs each schedule for its duration, as if that were the whole run; the last has the rest.

    Args:
        schedules: The schedules in order.
        durations: Length of each but the last.

    Example:
        type: chained
        schedules:
          - {type: constant, warmup: 1 epoch}
          - {type: step, step_size: 10 epochs}
        durations: [1 epoch]
    """

    schedules: Annotated[list[Schedule], Field(min_length=2)]
    durations: list[Duration]

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        starts = self._starts(horizon)
        number = min(bisect_right(starts, step), len(self.schedules)) - 1
        stop = starts[number + 1] if number + 1 < len(self.schedules) else horizon.steps
        part = Horizon(steps=stop - starts[number], steps_per_epoch=horizon.steps_per_epoch)
        return self.schedules[number].value(step - starts[number], base, part)

    def _starts(self, horizon: Horizon) -> list[int]:
        """The first step of each schedule. A duration in % is one of the whole run."""
        return list(accumulate((in_steps(length, horizon) for length in self.durations), initial=0))

    def check(self, horizon: Horizon, /) -> list[str]:
        if len(self.durations) != len(self.schedules) - 1:
            return [
                "durations must be one fewer than schedules, because the last has the rest of the run, "
                f"but there are {len(self.durations)} for {len(self.schedules)} schedules"
            ]
        found = [
            problem
            for number, length in enumerate(self.durations)
            for problem in length_problems(f"durations[{number}]", length, horizon)
        ]
        starts = [] if found else self._starts(horizon)
        if starts and starts[-1] >= horizon.steps:
            return [
                f"durations must leave some of the run to the last schedule, but they take {starts[-1]} of "
                f"{horizon.steps} steps; shorten them or train longer (trainer.max_epochs)"
            ]
        return found + list(self._part_problems(starts, horizon))

    def _part_problems(self, starts: list[int], horizon: Horizon) -> Iterator[str]:
        for number, (part, start, stop) in enumerate(
            zip(self.schedules, starts, [*starts[1:], horizon.steps], strict=False)
        ):
            if isinstance(part, MeasuredSchedule):
                yield (
                    f"schedules[{number}] must be a function of the step, but {type(part).__name__} follows "
                    f"{part.monitor}; use it alone, with its own warmup"
                )
            inside = Horizon(steps=stop - start, steps_per_epoch=horizon.steps_per_epoch)
            yield from (f"schedules[{number}].{problem}" for problem in part.check(inside))
