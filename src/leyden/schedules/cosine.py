"""Half a cosine from the peak to the floor, once or again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leyden.schedules._cycles import cycle_at
from leyden.schedules._lengths import in_steps, length_problems
from leyden.schedules._warmup import Warmed
from leyden.schedules.schedule import Horizon, schedule
from leyden.spec.durations import Duration


@schedule("cosine")
@dataclass(frozen=True, kw_only=True)
class Cosine(Warmed):
    """Falls from the peak to ``min`` as ``(1 + cos(pi q)) / 2``, ``q`` the part of the cycle that is done.

    Cycle ``k`` is ``cycle * period_decay**k`` long and begins at
    ``min + (max * restart_decay**k - min) * amplitude_decay**k``.

    Args:
        max: Peak; without it the unscheduled value.
        min: Floor.
        warmup: Length of the warm-up.
        warmup_start: Value of the very first step; without it ``(step + 1) / (warmup + 1)`` of the peak.
        warmup_shape: Shape of the warm-up.
        cycle: Length of the first cycle; without it one cycle fills the rest of the run.
        restarts: Begin again at the peak after each cycle; otherwise the value stays at ``min``.
        soft_restart: Fall in the first half of a cycle and climb back in the second, instead of jumping to
            the peak.
        restart_decay: Factor on the peak with each restart.
        period_decay: Factor on the length of the cycle with each restart; above 1 the cycles grow.
        amplitude_decay: Factor on the height above ``min`` with each restart.

    Example:
        type: cosine
        warmup: 1 epoch
        min: 1e-5
    """

    max: float | None = None
    min: float = 0.0
    cycle: Duration | None = None
    restarts: bool = False
    soft_restart: bool = False
    restart_decay: Annotated[float, Field(ge=0, le=1)] = 1.0
    period_decay: Annotated[float, Field(gt=0)] = 1.0
    amplitude_decay: Annotated[float, Field(ge=0, le=1)] = 1.0

    def peak(self, base: float, /) -> float:
        return base if self.max is None else self.max

    def after(self, step: int, rest: int, peak: float, horizon: Horizon, /) -> float:
        length = rest if self.cycle is None else in_steps(self.cycle, horizon)
        if self.restarts:
            number, done = cycle_at(step, length, self.period_decay)
            if done == 1 or length * self.period_decay**number < 1:  # shrunk to less than a step
                return self.min
        else:
            number, done = 0, min(1.0, step / length) if length > 0 else 1.0
        return self.min + self._height(number, done, peak) * self._fall(done)

    def _fall(self, done: float) -> float:
        return (1 + math.cos((2 if self.soft_restart else 1) * math.pi * done)) / 2

    def _height(self, number: int, done: float, peak: float) -> float:
        height = self._full_height(number, peak)
        if self.soft_restart and self.restarts and self.amplitude_decay < 1:
            # The climb already aims at the next peak, so that the restart is no jump.
            return height * (1 - done) + self._full_height(number + 1, peak) * done
        return height

    def _full_height(self, number: int, peak: float) -> float:
        return max(0.0, (peak * self.restart_decay**number - self.min) * self.amplitude_decay**number)

    def check(self, horizon: Horizon, /) -> list[str]:
        found = super().check(horizon)
        if self.cycle is not None:
            found += length_problems("cycle", self.cycle, horizon)
        elif self.restarts:
            found.append("restarts need the length of a cycle; write e.g. cycle: 10 epochs")
        if not self.restarts:
            for key in ("restart_decay", "period_decay", "amplitude_decay"):
                if getattr(self, key) != getattr(type(self), key):
                    found.append(
                        f"{key} has no effect without restarts; write restarts: true or remove {key}"
                    )
        return found
