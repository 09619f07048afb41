"""Numbers kept in memory: a test double, and a way to look at a run from a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leyden.trackers.tracker import Tracker, tracker


@tracker("memory")
class MemoryTracker(Tracker):
    """Keeps every ``(step, values)`` in ``rows``.

    Example:
        type: memory
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.folder: Path | None = None  # None while it is closed
        self.resolved: Mapping[str, Any] = {}

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        self.folder, self.resolved = folder, resolved
        del self.rows[int(state.get("rows", 0)) :]

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        assert self.folder is not None, "a tracker takes numbers between open and close only"
        self.rows.append((step, dict(values)))

    def state(self) -> dict[str, Any]:
        return {"rows": len(self.rows)}

    def close(self) -> None:
        self.folder = None
