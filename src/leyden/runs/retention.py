"""Which checkpoints are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leyden.runs.entry import Entry


@dataclass(frozen=True, kw_only=True)
class Retention:
    """A pure rule: from all checkpoints to the reasons for keeping some of them.

    Args:
        monitor: Metric that decides which are best; without it, the newest are.
        mode: Whether a low or a high value is good.
        save_top_k: How many of the best are kept; -1 keeps all.
        save_last: Whether the newest is kept for its own sake.
    """

    monitor: str | None = None
    mode: Literal["min", "max"] = "min"
    save_top_k: int = 1
    save_last: bool = True

    def reasons(self, entries: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
        """Why each file that is kept is kept. ``entries`` are in the order in which they were written.

        Whatever the settings, three stay: the newest, because the run goes on from it, the one before it,
        because a disk may damage the newest, and the newest with finite weights, because that is what can be
        gone back to.
        """
        found: dict[str, list[str]] = {}
        for place, entry in enumerate(self.ranked(entries), start=1):
            if self.save_top_k == -1 or place <= self.save_top_k:
                found.setdefault(entry.file, []).append(f"best {place}" if self.monitor else "newest")
        if self.save_top_k == -1:
            for entry in entries:
                found.setdefault(entry.file, []).append("all")
        if entries:
            found.setdefault(entries[-1].file, []).append("last" if self.save_last else "to go on from")
        for spare in entries[-2:-1]:
            found.setdefault(spare.file, ["spare"])
        sound = [entry for entry in entries if entry.finite]
        if sound and sound[-1].file not in found:
            found[sound[-1].file] = ["last finite"]
        return {file: tuple(why) for file, why in found.items()}

    def ranked(self, entries: Sequence[Entry]) -> list[Entry]:
        """The candidates, best first. Of equals the earlier is better; NaN and missing values are none."""
        if self.monitor is None:
            return list(reversed(entries))
        measured = [entry for entry in entries if not math.isnan(self.score(entry))]
        return sorted(measured, key=lambda entry: self.score(entry) * (1 if self.mode == "min" else -1))

    def score(self, entry: Entry) -> float:
        """What the monitor was when the checkpoint was written; NaN if it was not measured."""
        return entry.metrics.get(self.monitor, math.nan) if self.monitor else math.nan
