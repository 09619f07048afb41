"""Moments of a run: the n-th line of Leyden's code that it executes in a phase; any can be hit again.

A clock hits long phases often and short ones never, and never the same moment twice. Counting lines reaches
the few between a rename and an index entry as surely as the many of a step.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import leyden

HOME = str(Path(leyden.__file__).parent)

#: function -> phase that lasts while it runs, unless it calls one with a phase of its own
PHASES = {
    "train._one": "building",
    "begin.begin": "folder",
    "loop.Loop._begin": "warm-up",
    "loop.Loop._window": "window",
    "step.Step.__call__": "optimizer step",
    "step.Step._attempt": "micro-batch",
    "step.Step._update": "update",
    "loop.Loop._validate": "validation",
    "keeper.Keeper.save": "copy",
    "index.CheckpointIndex.save": "write",
    "atomic.replacing": "rename",
    "index.CheckpointIndex._enter": "index",
    "csv.Csv._write_row": "table",
    "loop.Loop._end_epoch": "epoch end",
    "loop.Loop._end": "end",
    "folder.RunFolder.record": "results",
}
CHECKING = "checking"  # before and around all of them

Moment = tuple[str, int]


class Moments:
    """While entered, counts the lines of every phase and calls ``act`` at one moment.

    Args:
        at: The moment; None to count only.
        act: What to do there.
    """

    def __init__(self, at: Moment | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.at, self.act = at, act
        self.counts: Counter[str] = Counter()
        self.step = -1  # the newest optimizer step that was begun
        self._phases: dict[int, list[str]] = {threading.get_ident(): [CHECKING]}
        self._known: dict[CodeType, str | None] = {}
        self._pid = os.getpid()

    def __enter__(self) -> Moments:
        threading.settrace(self._called)
        sys.settrace(self._called)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code not in self._known:
            self._known[code] = _phase_of(code)
        phase = self._known[code]
        if phase is None:
            return None
        if not phase:
            return self._in_line
        if code.co_qualname == "Step.__call__":
            self.step = frame.f_locals["step"]
        stack = self._phases.setdefault(threading.get_ident(), [])
        stack.append(phase)

        def in_phase(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "return":
                stack.pop()
            else:
                self._in_line(frame, event, arg)
            return in_phase

        return in_phase

    def _in_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and (stack := self._phases.get(threading.get_ident())):
            phase = stack[-1]
            if (phase, self.counts[phase]) == self.at and os.getpid() == self._pid:
                self.act()
            self.counts[phase] += 1
        return self._in_line


def _phase_of(code: CodeType) -> str | None:
    """The phase that a function begins; empty for other functions of Leyden, None for anybody else's."""
    if not code.co_filename.startswith(HOME):
        return None
    return PHASES.get(f"{Path(code.co_filename).stem}.{code.co_qualname}", "")
