"""The contract of schedules: a value for any step, without having lived through the steps before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leyden.spec.parts import Kind

schedule = Kind("schedule")


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """How long a run is, in optimizer steps; ``1 epoch`` or ``5 %`` are resolved against it."""

    steps: int
    steps_per_epoch: int


@schedule.contract
class Schedule(ABC):
    """A pure function of the optimizer step."""

    @abstractmethod
    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        """The value in step ``step`` (0 is the first) of a quantity whose unscheduled value is ``base``."""

    def check(self, horizon: Horizon, /) -> list[str]:
        """Problems that show once the run's length is known; each a sentence with rule, value and repair."""
        return []


class MeasuredSchedule(Schedule):
    """A schedule that follows a measured metric: its state is explicit, part of every checkpoint."""

    monitor: str

    @abstractmethod
    def observe(self, step: int, metrics: Mapping[str, float], base: float, horizon: Horizon, /) -> None:
        """Take in the metrics of a validation that ended after ``step`` optimizer steps."""

    @abstractmethod
    def state(self) -> dict[str, Any]: ...

    @abstractmethod
    def restore(self, state: Mapping[str, Any], /) -> None: ...
