"""The contract of trackers: where numbers go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leyden.spec.parts import Kind

tracker = Kind("tracker")


@tracker.contract
class Tracker(ABC):
    """Takes numbers by step. Opened in the log folder of one repeat; never moves the run's randomness."""

    @abstractmethod
    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        """Start, or go on from ``state`` (what `state()` gave at the checkpoint; empty for a new run): later rows are dropped."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float], /) -> None: ...

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Flush to disk, and say where a resumed run has to go on."""

    @abstractmethod
    def close(self) -> None: ...
