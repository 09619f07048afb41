"""A straight line from one value to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule
from leyden.spec.durations import Duration


@schedule("linear")
@dataclass(frozen=True, kw_only=True)
class Linear(Warmed):
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

    def peak(self, base: float, /) -> float:
        return base if self.start is None else self.start

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        length = rest if self.over is None else in_steps(self.over, horizon)
        if step >= length:
            return self.end
        done = step / length
        if self.log:
            return math.exp(math.log(peak) + done * (math.log(self.end) - math.log(peak)))
        return peak + done * (self.end - peak)

    def check(self, horizon: Horizon, /) -> list[str]:
        found = super().check(horizon)
        if self.over is not None:
            found += length_problems("over", self.over, horizon)
        if self.log and self.end <= 0:
            found.append(
                f"end must be positive where log is true, but it is {self.end}; write e.g. end: 1e-6"
            )
        if self.log and self.start is not None and self.start <= 0:
            found.append(f"start must be positive where log is true, but it is {self.start}; set log: false")
        return found
