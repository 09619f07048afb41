"""Event files for TensorBoard."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leyden.runs import atomic
from leyden.trackers.tracker import Tracker, tracker

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

PATTERN = "events.out.tfevents.*"


@tracker("tensorboard", requires=("tensorboard",), extra="tensorboard")
class TensorBoard(Tracker):
    """Writes scalars as ``events.out.tfevents.*`` into the log folder: ``tensorboard --logdir runs``.

    A resumed run cuts off the event files where its checkpoint was made, and goes on in a new one; a
    TensorBoard that is already showing the run is told to forget the later points too. Uses TensorBoard's own
    writer, not torch's.

    Args:
        flush_seconds: How often numbers are handed to the file while training.

    Example:
        type: tensorboard
    """

    def __init__(self, *, flush_seconds: int = 30) -> None:
        self._flush_seconds = flush_seconds
        self._writer: EventFileWriter | None = None
        self._step = -1

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        atomic.make(folder)
        self._folder = folder
        _cut_back(folder, state.get("files", {}))
        self._step = int(state.get("step", -1))
        before = set(folder.glob(PATTERN))
        self._writer = EventFileWriter(str(folder), max_queue_size=100, flush_secs=self._flush_seconds)
        (self._file,) = set(folder.glob(PATTERN)) - before
        if state:
            # Viewers drop what they have from this step on.
            self._add(step=self._step + 1, session_log={"status": "START"})

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        points = [{"tag": name, "simple_value": float(value)} for name, value in values.items()]
        self._add(step=step, summary={"value": points})
        self._step = max(self._step, step)

    def state(self) -> dict[str, Any]:
        if self._writer is not None:
            self._writer.flush()
        files = {path.name: path.stat().st_size for path in sorted(self._folder.glob(PATTERN))}
        return {"step": self._step, "files": files}

    def sync(self) -> None:
        atomic.sync(self._file)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _add(self, **fields: Any) -> None:
        from tensorboard.compat.proto import event_pb2

        assert self._writer is not None
        event: Any = event_pb2  # generated code, whose names no checker sees
        self._writer.add_event(event.Event(wall_time=time.time(), **fields))


def _cut_back(folder: Path, sizes: Mapping[str, int]) -> None:
    """Remove every event after the checkpoint: later files, and the ends of earlier ones."""
    for path in folder.glob(PATTERN):
        if path.name not in sizes:
            path.unlink()
        elif path.stat().st_size > sizes[path.name]:
            os.truncate(path, sizes[path.name])
