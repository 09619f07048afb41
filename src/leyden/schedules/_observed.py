"""What the schedules that follow a metric share: metric, warm-up, floor, and a factor as their state."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from leyden.schedules._lengths import in_steps, warmup_problems
from leyden.schedules._warmup import warmed
from leyden.schedules.schedule import Horizon, MeasuredSchedule
from leyden.spec.durations import Duration


class Following(MeasuredSchedule):
    """The base value times a factor that moves with a metric; settings and state are fields of the parts."""

    #: names of the state's fields, without their underscore
    kept: ClassVar[tuple[str, ...]]

    mode: Literal["min", "max"]
    warmup: Duration
    warmup_start: float | None
    _scale: float

    @abstractmethod
    def look(self, now: float, base: float, /) -> None:
        """Take in a validation after the warm-up; ``now`` has its sign turned so that less is better."""

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        ramp = in_steps(self.warmup, horizon)
        if step < ramp:
            return warmed(step, ramp, self.warmup_start, base)
        return base * self._scale

    def observe(self, step: int, metrics: Mapping[str, float], base: float, horizon: Horizon, /) -> None:
        measured = monitored(self.monitor, metrics, type(self).__name__.lower())
        if step > in_steps(self.warmup, horizon):
            self.look(measured if self.mode == "min" else -measured, base)

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, f"_{name}") for name in self.kept}

    def restore(self, state: Mapping[str, Any], /) -> None:
        for name in self.kept:
            setattr(self, f"_{name}", state[name])

    def check(self, horizon: Horizon, /) -> list[str]:
        return warmup_problems(self.warmup, horizon)


def monitored(name: str, metrics: Mapping[str, float], who: str) -> float:
    """The value of metric ``name``.

    A missing one is an error: a schedule that never moves looks like one that works.
    """
    if name not in metrics:
        raise ValueError(
            f"schedule {who} follows the metric {name}, which this validation did not measure; "
            f"it measured: {', '.join(sorted(metrics)) or 'nothing'}"
        )
    return float(metrics[name])


def improved(now: float, best: float, threshold: float, mode: Literal["rel", "abs"]) -> bool:
    """Whether ``now`` is below ``best`` by ``threshold`` (part of the best, or difference); NaN never is."""
    if mode == "abs" or math.isinf(best):
        return now < best - threshold
    return now < best - threshold * abs(best)


def lowered(scale: float, factor: float, floor: float, base: float) -> float:
    """``scale * factor``, not so low that ``base`` times it is below ``floor``, and never above ``scale``."""
    return min(scale, max(scale * factor, floor / base if base else 0.0))
