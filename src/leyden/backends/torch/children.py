"""Processes that this one has started: where one of them fails, this one would wait for it for ever.

Lightning kills this process within seconds of it, though it may be writing a checkpoint, or be about to say
what went wrong. Here `watch.Watch` ends it, and only if it does not notice by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from subprocess import Popen

#: they outlast the fit that started them: a script's next one finds them there
_started: list[Popen[bytes]] = []


def remember(processes: Iterable[Popen[bytes]]) -> None:
    """Look after these from now on; the first of them has the local rank 1."""
    _started[:] = processes


def any_started() -> bool:
    """Whether this process has started others."""
    return bool(_started)


def lost() -> str:
    """Which process has failed, in words; empty while none has."""
    for rank, process in enumerate(_started, start=1):
        if process.poll():
            return f"local rank {rank} (process {process.pid}) has ended with code {process.returncode}"
    return ""


def end() -> None:
    """End those that are left; they may wait for each other."""
    for process in _started:
        process.kill()
