"""Signals that ask a run to leave: noted at once, obeyed at the next border."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

FAILED, PREEMPTED, INTERRUPTED = 1, 75, 130

#: signal -> exit code
CODES = {signal.SIGTERM: PREEMPTED, signal.SIGUSR1: PREEMPTED, signal.SIGINT: INTERRUPTED}


class Signals:
    """While entered, SIGTERM, SIGUSR1 and Ctrl-C only leave a note; a second one ends the process at once.

    What is on disk is whole at any moment, so leaving at once loses only the steps since the last checkpoint.
    In a thread other than the main one nothing can be caught, and nothing is changed.
    """

    def __init__(self) -> None:
        self.received = 0  # exit code of the first signal
        self.forward: Callable[[int], None] = lambda number: None  # to child processes
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in CODES}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        code = CODES[signal.Signals(number)]
        if self.received:
            os._exit(code)
        self.received = code
        if number != signal.SIGINT:  # a terminal sends that one to all processes by itself
            self.forward(number)
