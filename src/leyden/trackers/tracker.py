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
        """Start, or go on from ``state``: what was logged after it is dropped.

        Args:
            folder: The log folder of one repeat; made if it is not there.
            resolved: The run file with every default, in plain containers.
            state: What `state` gave at the checkpoint that the run goes on from; empty for a new run.
        """

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float], /) -> None:
        """Take numbers measured after ``step`` optimizer steps; several calls may add to the same step."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Hand everything to the system, and say where a resumed run has to go on; the loop waits for it."""

    def sync(self) -> None:  # noqa: B027  # most trackers have nothing that could be lost
        """Make what `state` told of last; a checkpoint is entered after this. Called beside the loop.

        Raises:
            OSError: it could not be written, so no checkpoint may build on it.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what is left and let go of files and servers; also called where `open` never was."""
