"""Where a fit's checkpoints go: the index of a run folder, and which checkpoint would be among its best."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from leyden.backends.outcome import Best
from leyden.runs.digesting import Digesting
from leyden.runs.entry import Entry
from leyden.runs.index import CheckpointIndex


class DamagedCheckpointWarning(UserWarning):
    """A checkpoint is not what was written; the one before it is used."""


class Shelf:
    """The checkpoints of one repeat.

    Args:
        index: Of the run folder.
    """

    def __init__(self, index: CheckpointIndex) -> None:
        self.index = index

    def newest(self, finite: bool = False) -> Path | None:
        """The newest checkpoint whose bytes are what was written; damaged ones are named in a warning.

        Args:
            finite: Only one whose weights are finite will do.
        """
        found = self.index.newest_good(finite)
        entry = found.entry
        for problem in found.damaged:
            instead = f"going on from step {entry.step} instead" if entry else "beginning anew"
            warnings.warn(f"damaged checkpoint {problem}; {instead}", DamagedCheckpointWarning, stacklevel=2)
        return self.index.path(entry) if entry else None

    def wants(self, metrics: Mapping[str, float]) -> bool:
        """Whether a checkpoint with these metrics would be among the best that are kept."""
        retention = self.index.retention
        value = metrics.get(retention.monitor or "", math.nan)
        if math.isnan(value) or retention.save_top_k == 0:
            return False
        candidate = Entry(step=-1, file="", sha256="", bytes=0, metrics=metrics)
        ranked = retention.ranked([*self.index.entries(), candidate])
        return retention.save_top_k == -1 or ranked.index(candidate) < retention.save_top_k

    def add(
        self, step: int, write: Callable[[Digesting], object], metrics: Mapping[str, float], finite: bool
    ) -> None:
        """Write a checkpoint so that it is whole or not there, enter it in the index, drop those not kept."""
        self.index.save(write, step=step, metrics=metrics, finite=finite)

    def best(self) -> Best | None:
        """The best checkpoint by the monitored metric; None without a monitor, or before its first value."""
        entry = self.index.best()
        if entry is None or self.index.retention.monitor is None:
            return None
        return Best(
            value=self.index.retention.score(entry), step=entry.step, path=str(self.index.path(entry))
        )
