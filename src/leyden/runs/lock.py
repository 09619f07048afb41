"""One process at a time trains into a run folder.

The lock is a file that says who holds it. Where its process can be looked up, that decides: one that is gone,
or was started before the last boot, holds nothing. From another machine or container only the file's age can
be seen: the holder touches it every few seconds, and a lock that nobody touches for a minute is taken over.
So a preempted job can go on elsewhere, and nobody has to delete anything.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from leyden.runs import atomic
from leyden.spec.errors import UserError

TOUCH_SECONDS = 10.0
STALE_SECONDS = 60.0
GONE, UNKNOWN = "gone", "unknown"


class FolderInUse(UserError):
    """Another process trains into the folder."""


class Lock:
    """The lock of one folder.

    Args:
        file: The lock file, inside the folder that it guards.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._mine: dict[str, Any] = {}
        self._stop = threading.Event()

    def holder(self) -> str:
        """Who holds the lock, in words; empty if nobody does."""
        told = self._read()
        if told is None or not self._alive(told):
            return ""
        return f"process {told.get('pid', '?')} on {told.get('host', '?')}, since {told.get('since', '?')}"

    def acquire(self) -> None:
        """Take the lock, also from a holder that is gone.

        A holder that cannot be looked up is watched until it shows itself, which is refused, or its time is
        over.

        Raises:
            FolderInUse: somebody trains into the folder.
        """
        atomic.make(self.file.parent)
        touched = self._touched()
        while (holder := self.holder()) and not self._is_near() and self._touched() == touched:
            logging.getLogger("leyden").info(
                "%s may train into %s; waiting for a sign", holder, self.file.parent
            )
            self._stop.wait(TOUCH_SECONDS / 10)
        with _one_at_a_time(self.file.parent):
            if holder := self.holder():
                raise FolderInUse(
                    f"{self.file.parent} can be trained into by one process at a time, but {holder}, does; "
                    f"wait for it, stop it, or name another folder.group"
                )
            self._mine = {**_whoami(), "token": secrets.token_hex(8)}
            temporary = self.file.with_name(f".{self.file.name}.{self._mine['token']}.tmp")
            temporary.write_text(json.dumps(self._mine))
            os.replace(temporary, self.file)
        self._stop.clear()
        threading.Thread(target=self._keep_touching, name="leyden-lock", daemon=True).start()

    def release(self) -> None:
        """Give the lock back; one that was taken over meanwhile stays with its new holder."""
        self._stop.set()
        if self._is_mine():
            self.file.unlink(missing_ok=True)

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def _keep_touching(self) -> None:
        while not self._stop.wait(TOUCH_SECONDS) and self._is_mine():
            with suppress(OSError):
                os.utime(self.file)

    def _is_mine(self) -> bool:
        told = self._read()
        return told is not None and told.get("token") == self._mine.get("token")

    def _read(self) -> dict[str, Any] | None:
        try:
            told = json.loads(self.file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:  # written by nobody we know; its age decides
            told = {}
        return told if isinstance(told, dict) else {}

    def _alive(self, told: dict[str, Any]) -> bool:
        if told.get("host") == _whoami()["host"] and told.get("boot") not in (None, _whoami()["boot"]):
            return False
        if self._is_near():
            return _started(int(told["pid"])) in (told.get("started"), UNKNOWN)
        return self._age() < STALE_SECONDS

    def _is_near(self) -> bool:
        """Whether the holder's process can be looked up from here."""
        told, me = self._read() or {}, _whoami()
        return "pid" in told and all(told.get(key) == me[key] for key in ("host", "boot", "namespace"))

    def _touched(self) -> float:
        try:
            return self.file.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _age(self) -> float:
        """Seconds since the last touch, by the clock of the file system, which all machines share."""
        probe = self.file.with_name(f".{self.file.name}.{secrets.token_hex(8)}.tmp")
        try:
            probe.touch()
            return probe.stat().st_mtime - self.file.stat().st_mtime
        except FileNotFoundError:
            return float("inf")
        except OSError:  # a folder that can only be read
            return time.time() - self.file.stat().st_mtime
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)


def _whoami() -> dict[str, Any]:
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text().strip() if boot.exists() else "",
        "namespace": os.readlink(namespace)
        if namespace.exists()
        else "",  # containers count their own processes
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _started(pid: int) -> str:
    """When a process began, which tells it from a later one with the same number; `GONE` or `UNKNOWN`."""
    try:
        # The name, in brackets, may hold spaces and brackets; the start time is field 22, the 20th after it.
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return GONE if state == "Z" else rest[18]
    except OSError:
        pass
    try:  # no /proc, or another user's process in one that hides these
        os.kill(pid, 0)
    except ProcessLookupError:
        return GONE
    except PermissionError:
        pass
    return UNKNOWN


@contextmanager
def _one_at_a_time(folder: Path) -> Generator[None]:
    """Lets two processes on one machine that both see a stale lock take it over one after the other."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # a file system that locks no folders: the rename decides
            fcntl.flock(handle, fcntl.LOCK_EX)
    except (ImportError, PermissionError):
        yield
        return
    try:
        yield
    finally:
        os.close(handle)
