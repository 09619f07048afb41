"""A drop whenever a metric has stopped improving."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from leyden.schedules._lengths import NO_STEPS
from leyden.schedules._observed import Following, improved, lowered
from leyden.schedules.schedule import schedule
from leyden.spec.durations import Duration


@schedule("plateau")
@dataclass(kw_only=True)
class Plateau(Following):
    """Multiplied by ``factor`` after more than ``patience`` validations in a row without a better value.

    The rule of torch's ``ReduceLROnPlateau``. A NaN is no improvement. Validations during the warm-up do not
    count.

    Args:
        monitor: The metric to follow.
        mode: Whether a smaller (``min``) or a larger (``max``) value is better.
        factor: Factor of each drop.
        patience: Validations without improvement that are let pass.
        threshold: How much better a value must be to count.
        threshold_mode: Whether ``threshold`` is a part of the best value (``rel``) or a difference (``abs``).
        cooldown: Validations after a drop during which nothing is counted.
        min: Floor.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the
            unscheduled one.

    Example:
        type: plateau
        monitor: val/loss
        patience: 5
    """

    kept = ("scale", "best", "bad", "cooling")

    monitor: str = "val/loss"
    mode: Literal["min", "max"] = "min"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: Annotated[int, Field(ge=0)] = 10
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
    _bad: int = field(default=0, init=False)
    _cooling: int = field(default=0, init=False)

    def look(self, now: float, base: float, /) -> None:
        if improved(now, self._best, self.threshold, self.threshold_mode):
            self._best, self._bad = now, 0
        else:
            self._bad += 1
        if self._cooling > 0:
            self._cooling -= 1
            self._bad = 0
        if self._bad > self.patience:
            self._scale = lowered(self._scale, self.factor, self.min, base)
            self._bad, self._cooling = 0, self.cooldown
