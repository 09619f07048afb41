"""A straight line from one value to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leyden.schedules._lengths import NO_STEPS, in_steps, length_problems, warmup_problems
from leyden.schedules._warmup import Shape, warmed
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("linear")
@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """Moves in a straight line to ``end``, and stays there.

    Args:
        start: Value after the warm-up; without it the unscheduled one.
        end: Value at the end of the line; may be larger than ``start``.
        over: Length of the line; without it the rest of the run.
        log: Straight in the logarithm, so that equal steps divide by equal factors; both ends must be
            positive.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of ``start``.
        warmup_shape: Shape of the warm-up.

    Example:
        type: linear
        warmup: 5 %
        end: 1e-6
    """

    start: float | None = None
    end: float = 0.0
    over: Duration | None = None
    log: bool = False
    warmup: Duration = NO_STEPS
    warmup_start: float | None = None
    warmup_shape: Shape = "linear"

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        start = base if self.start is None else self.start
        ramp = in_steps(self.warmup, horizon)
        if step < ramp:
            return warmed(step, ramp, self.warmup_start, start, self.warmup_shape)
        length = horizon.steps - ramp if self.over is None else in_steps(self.over, horizon)
        if step - ramp >= length:
            return self.end
        done = (step - ramp) / length
        if self.log:
            return math.exp(math.log(start) + done * (math.log(self.end) - math.log(start)))
        return start + done * (self.end - start)

    def check(self, horizon: Horizon, /) -> list[str]:
        found = warmup_problems(self.warmup, horizon)
        if self.over is not None:
            found += length_problems("over", self.over, horizon)
        if self.log and self.end <= 0:
            found.append(
                f"end must be positive where log is true, but it is {self.end}; write e.g. end: 1e-6"
            )
        if self.log and self.start is not None and self.start <= 0:
            found.append(f"start must be positive where log is true, but it is {self.start}; set log: false")
        return found
