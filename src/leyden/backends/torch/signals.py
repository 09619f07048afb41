"""Signals that ask a run to leave: noted at once, obeyed at the next border. Imports no torch."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any

FAILED, PREEMPTED, INTERRUPTED = 1, 75, 130

#: signal -> exit code; Windows has not all of them
CODES: dict[int, int] = {
    getattr(signal, name): code
    for name, code in (("SIGTERM", PREEMPTED), ("SIGUSR1", PREEMPTED), ("SIGINT", INTERRUPTED))
    if hasattr(signal, name)
}

#: seconds in which signals are one request: `timeout`, torchrun and schedulers send a process theirs and,
#: through its group or through the process that started it, the same once more
ONE_REQUEST = 0.5


class Signals:
    """While entered, SIGTERM, SIGUSR1 and Ctrl-C only leave a note; a second request ends the process.

    What is on disk is whole at any moment, so leaving at once loses only the steps since the last checkpoint.
    The interpreter gets to a signal's handler only once it is back from a collective or a kernel, perhaps
    never; a thread therefore hears every signal, too, and lets the second request end the process.
    In a thread other than the main one nothing can be caught, and nothing is changed.
    """

    def __init__(self) -> None:
        self.received = 0  # exit code of the first signal
        self.number = 0  # that signal
        self.forward: Callable[[int], None] = lambda number: None  # to child processes
        self._before: dict[int, Any] = {}
        self._mask: set[Any] = set()
        self._listening = 0  # the process that `_listen` runs in

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in CODES}
            self._wakeup = signal.set_wakeup_fd(-1)
            _let_children_be_deaf()
            self.listen()
            self._mask = _mask("SIG_UNBLOCK", CODES)  # of `held_back`
            while _kept:
                signal.raise_signal(_kept.pop())
        return self

    def __exit__(self, *error: object) -> None:
        if not self._before:
            return
        _mask("SIG_SETMASK", self._mask)
        signal.set_wakeup_fd(self._wakeup)
        with suppress(OSError):  # nobody listens any more
            os.write(self._writing, b"\0")
        os.close(self._writing)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def leave_to_next(self) -> None:
        """Keep a signal that nobody obeyed, since it came after the last border, for whoever enters next."""
        if self.number:
            _kept.append(self.number)

    def listen(self) -> None:
        """Have the thread in this process; one that was forked meanwhile has none."""
        if not self._before or self._listening == os.getpid():
            return
        self._listening = os.getpid()
        reading, self._writing = os.pipe()
        if hasattr(os, "set_blocking"):
            os.set_blocking(self._writing, False)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(reading,), name="leyden-signals", daemon=True).start()

    def spare_helpers(self) -> None:
        """Keep what is sent to all processes of a group from programs that this one starts from now on.

        They are born with the main thread's mask; the signals come in through the thread that listens.
        """
        if self._before:
            _mask("SIG_BLOCK", CODES)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self.received = number, CODES[number]

    def _listen(self, reading: int) -> None:
        """Read the numbers of signals as they come, until there are no more.

        The first is forwarded from here: after a long step, children would take it for a second request.
        """
        _mask("SIG_UNBLOCK", CODES)  # whatever the main thread holds back
        first = 0.0
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while (number := pipe.read(1)) not in (b"", b"\0"):
                if not (code := CODES.get(number[0], 0)):
                    continue
                if not first:
                    first = time.monotonic()
                    self.forward(number[0])
                elif time.monotonic() - first >= ONE_REQUEST:
                    os._exit(code)


@cache
def _let_children_be_deaf() -> None:
    """A forked process must not write the signals that it gets into the pipe of the one it comes from."""

    def stop_writing() -> None:
        with suppress(ValueError):  # forked by another thread than the main one
            signal.set_wakeup_fd(-1)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=stop_writing)


def _mask(how: str, numbers: Iterable[int]) -> set[Any]:
    """Change which signals this thread holds back, where the system has that; gives those of before."""
    if not hasattr(signal, "pthread_sigmask"):
        return set()
    return signal.pthread_sigmask(getattr(signal, how), numbers)


#: what `keep` was called for
_kept: list[int] = []


def keep(number: int, frame: FrameType | None) -> None:
    """A handler for what comes while signals are held back, through a thread that does not hold them back.

    Threads that began in an earlier fit are such ones.
    """
    _kept.append(number)


@contextmanager
def one_run() -> Generator[None]:
    """Around all repeats of a run: what nobody has obeyed by its end is no request to another run."""
    try:
        yield
    finally:
        if _kept:
            logging.getLogger("leyden").warning("a signal came when the run had nothing left to stop")
        _kept.clear()


@contextmanager
def held_back() -> Generator[None]:
    """Signals wait meanwhile until this is over or `Signals` is entered; in programs started here, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _mask("SIG_BLOCK", CODES)
    try:
        yield
    finally:
        _mask("SIG_SETMASK", before)
