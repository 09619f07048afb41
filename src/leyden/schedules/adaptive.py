"""Up after a series of improvements, down after a series without."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from leyden.schedules._lengths import NO_STEPS
from leyden.schedules._observed import Following, improved, lowered
from leyden.schedules.schedule import schedule
from leyden.spec.durations import Duration


@schedule("adaptive")
@dataclass(kw_only=True)
class Adaptive(Following):
    """Raised after so many better validations in a row, lowered after so many others.

    It begins at the unscheduled value, which is also the ceiling. A NaN is no improvement. Validations during
    the warm-up do not count.

    Args:
        monitor: The metric to follow.
        mode: Whether a smaller (``min``) or a larger (``max``) value is better.
        increase: Factor of each rise.
        decrease: Factor of each drop.
        patience_increase: Better validations in a row before a rise.
        patience_decrease: Validations in a row without improvement before a drop.
        threshold: How much better a value must be to count.
        threshold_mode: Whether ``threshold`` is a part of the best value (``rel``) or a difference (``abs``).
        cooldown: Validations after a change during which nothing is counted.
        min: Floor.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the
            unscheduled one.

    Example:
        type: adaptive
        monitor: val/loss
        patience_decrease: 5
    """

    kept = ("scale", "best", "good", "bad", "cooling")

    monitor: str = "val/loss"
    mode: Literal["min", "max"] = "min"
    increase: Annotated[float, Field(gt=1)] = 1.2
    decrease: Annotated[float, Field(gt=0, lt=1)] = 0.7
    patience_increase: Annotated[int, Field(ge=1)] = 3
    patience_decrease: Annotated[int, Field(ge=1)] = 5
    threshold: Annotated[float, Field(ge=0)] = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Annotated[int, Field(ge=0)] = 0
    min: float = 0.0
    warmup: Duration = NO_STEPS
    warmup_start: float | None = None

    _scale: float = field(default=1.0, init=False)
    _best: float = field(
        default=math.inf, init=False
    )  # of the metric with its sign turned so that less is better
    _good: int = field(default=0, init=False)
    _bad: int = field(default=0, init=False)
    _cooling: int = field(default=0, init=False)

    def look(self, now: float, base: float, /) -> None:
        if self._cooling > 0:
            self._cooling -= 1
            return
        if improved(now, self._best, self.threshold, self.threshold_mode):
            self._best, self._bad = now, 0
            self._good += 1
            if self._good >= self.patience_increase:
                self._move(min(1.0, self._scale * self.increase))
        else:
            self._good = 0
            self._bad += 1
            if self._bad >= self.patience_decrease:
                self._move(lowered(self._scale, self.decrease, self.min, base))

    def _move(self, scale: float) -> None:
        """Take a new value. At the ceiling or floor there is none, and the counters go on."""
        if scale != self._scale:
            self._scale, self._good, self._bad, self._cooling = scale, 0, 0, self.cooldown
