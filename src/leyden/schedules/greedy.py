"""Up a little while a metric keeps improving, down a little when it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from leyden.schedules._lengths import NO_STEPS
from leyden.schedules._observed import Following, lowered
from leyden.schedules.schedule import schedule
from leyden.spec.durations import Duration


@schedule("greedy")
@dataclass(kw_only=True)
class Greedy(Following):
    """Raised on every ``patience``-th validation if it improved, lowered after ``patience`` that did not.

    It begins at the unscheduled value, which is also the ceiling. Any new best value is an improvement, but
    only one by more than ``threshold`` raises. A NaN is no improvement. Validations during the warm-up do not
    count.

    Args:
        monitor: The metric to follow.
        mode: Whether a smaller (``min``) or a larger (``max``) value is better.
        increase: Factor of each rise.
        decrease: Factor of each drop.
        patience: Validations between two changes.
        threshold: Improvement that is worth a rise, as a part of the best value before.
        min: Floor.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the
            unscheduled one.

    Example:
        type: greedy
        monitor: val/loss
        patience: 3
    """

    kept = ("scale", "best", "bad", "seen")

    monitor: str = "val/loss"
    mode: Literal["min", "max"] = "min"
    increase: Annotated[float, Field(gt=1)] = 1.1
    decrease: Annotated[float, Field(gt=0, lt=1)] = 0.9
    patience: Annotated[int, Field(ge=1)] = 3
    threshold: Annotated[float, Field(ge=0)] = 0.01
    min: float = 0.0
    warmup: Duration = NO_STEPS
    warmup_start: float | None = None

    _scale: float = field(default=1.0, init=False)
    _best: float = field(
        default=math.inf, init=False
    )  # of the metric with its sign turned so that less is better
    _bad: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False)

    def look(self, now: float, base: float, /) -> None:
        self._seen += 1
        if now < self._best:
            gain = (self._best - now) / abs(self._best) if math.isfinite(self._best) and self._best else 0.0
            self._best, self._bad = now, 0
            if gain > self.threshold and self._seen % self.patience == 0:
                self._scale = min(1.0, self._scale * self.increase)
            return
        self._bad += 1
        if self._bad >= self.patience:
            before, self._scale = self._scale, lowered(self._scale, self.decrease, self.min, base)
            self._bad = self._bad if self._scale == before else 0
