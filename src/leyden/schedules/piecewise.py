"""Values at chosen places, and a rule for what is between them."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.spec.durations import Duration


@schedule("piecewise")
@dataclass(frozen=True, kw_only=True)
class Piecewise(Schedule):
    """Goes through the given points; before the first and after the last it is constant.

    The values replace the unscheduled one (of a learning rate, the parameter groups keep their ratios to it).

    Args:
        points: Pairs of a place, counted from the beginning of the run, and the value there, in order.
        between: ``linear`` joins the points by straight lines, ``log`` by lines that are straight in the
            logarithm, ``constant`` keeps each value until the next point.

    Example:
        type: piecewise
        points: [[0 steps, 1e-4], [10 %, 1e-3], [100 %, 1e-5]]
        between: log
    """

    points: Annotated[list[tuple[Duration, float]], Field(min_length=1)]
    between: Literal["linear", "log", "constant"] = "linear"

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        places = [in_steps(place, horizon) for place, _ in self.points]
        values = [value for _, value in self.points]
        after = bisect_right(places, step)  # the first point that lies ahead
        if after == 0:
            return values[0]
        if after == len(places) or self.between == "constant":
            return values[after - 1]
        done = (step - places[after - 1]) / (places[after] - places[after - 1])
        left, right = values[after - 1], values[after]
        if self.between == "log":
            return math.exp(math.log(left) + done * (math.log(right) - math.log(left)))
        return left + done * (right - left)

    def check(self, horizon: Horizon, /) -> list[str]:
        found: list[str] = []
        for number, (place, value) in enumerate(self.points):
            found += length_problems(f"points[{number}]", place, horizon, least=0)
            if self.between == "log" and value <= 0:
                found.append(f"points[{number}] must be positive where between is log, but it is {value}")
        return found or self._order_problems([in_steps(place, horizon) for place, _ in self.points], horizon)

    def _order_problems(self, places: list[int], horizon: Horizon) -> list[str]:
        found: list[str] = []
        for number, (left, right) in enumerate(pairwise(places), start=1):
            if right <= left:
                found.append(
                    f"points[{number}] must come after the point before it, but {self.points[number][0]} is "
                    f"step {right} and {self.points[number - 1][0]} is step {left}"
                )
        if places[-1] > horizon.steps:
            found.append(
                f"points[{len(places) - 1}] must lie inside the run, but {self.points[-1][0]} is step "
                f"{places[-1]} of {horizon.steps}; write 100 % for the end of the run"
            )
        return found
