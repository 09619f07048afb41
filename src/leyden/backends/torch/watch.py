"""Ends a run that stands still, and says which process hangs and where.

A thread in every process looks at what its main thread is doing, and writes it down for the others in the log
folder, which all of them see. Who waits in a collective is no culprit; who does something else for too long
is, and so is who writes nothing down any more: stopped, or with its machine gone.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from . import children
from .signals import FAILED, Signals

#: seconds in which a border has to come after a signal, or any sign of life after a process that this one
#: started has failed; then this one leaves without another checkpoint
LEAVE_WITHIN = 60.0
#: seconds between looks
LOOK_EVERY = 2.0

#: what a process does in frames of these files: it waits for the others
COLLECTIVES = ("torch/distributed/",)


class Watch:
    """Watches one process of a fit. Entered around the training.

    Args:
        folder: Where processes write down what they do.
        deadline: Seconds that the fit may stand still; None to watch nothing.
        signals: What the process was asked.
    """

    def __init__(self, folder: Path, deadline: float | None, signals: Signals) -> None:
        self.folder = folder
        self.deadline = deadline
        self.signals = signals
        self.rank, self.world = 0, 1
        self.beats = 0
        self.obeyed = False  # the signal; the last checkpoint may take its time
        self._asked = self._written = 0.0  # when it was, and when this process last wrote down what it does
        self._main = threading.get_ident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leyden-watch", daemon=True)

    def beat(self) -> None:
        """The fit moves."""
        self.beats += 1

    def start(self, rank: int, world: int) -> None:
        """Begin to watch."""
        self.rank, self.world = rank, world
        if self.deadline is not None:
            self._write(self._doing(0.0))
        if self.deadline is not None or children.any_started():
            self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        faulthandler.cancel_dump_traceback_later()
        with suppress(OSError):
            self._file(self.rank).unlink(missing_ok=True)

    def _run(self) -> None:
        beats, since, lost = self.beats, time.monotonic(), 0.0
        pause = LOOK_EVERY if self.deadline is None else min(self.deadline / 10, LOOK_EVERY)
        while not self._stop.wait(pause):
            now = time.monotonic()
            if self.beats != beats:
                beats, since = self.beats, now
            if self.deadline is not None:
                self._look(now, since, self.deadline)
            if self.world > 1 and (failed := children.lost()):
                lost = lost or now
                if now - max(lost, since) >= (LEAVE_WITHIN if beats else 0.0):  # before, nothing can be lost
                    self._give_up(f"{failed}, and rank {self.rank} waits for it in vain; leaving")

    def _look(self, now: float, since: float, deadline: float) -> None:
        """Tell the others what this process does since ``since``, and end what takes too long."""
        self._watch_interpreter()
        if now - self._written >= deadline / 10:
            self._write(self._doing(now - since))
            self._written = now
        if now - since >= deadline:
            self._end(self._doing(now - since))
        self._asked = self._asked or (now if self.signals.received else 0.0)
        if self._asked and not self.obeyed and now - self._asked > LEAVE_WITHIN:
            print(
                f"no step ended within {LEAVE_WITHIN:g} s of the signal; leaving", file=sys.stderr, flush=True
            )
            os._exit(self.signals.received)

    def _give_up(self, why: str) -> None:
        """Leave, and take with this process what it has started."""
        logging.getLogger("leyden").error(why)
        print(why, file=sys.stderr, flush=True)
        children.end()
        os._exit(FAILED)

    def _watch_interpreter(self) -> None:
        """Where the interpreter itself is stuck, this thread is too; then only this one, in C, is left."""
        assert self.deadline is not None
        if sys.__stderr__ is not None:
            with suppress(ValueError, OSError):  # an error stream that is no file
                faulthandler.dump_traceback_later(1.5 * self.deadline, exit=True, file=sys.__stderr__)

    def _doing(self, still: float) -> dict[str, Any]:
        """What the main thread is doing, for the others."""
        frame = sys._current_frames().get(self._main)
        return {
            "rank": self.rank,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "still": still,
            "silent": 0.0,
            "waits": frame is not None and _waits(frame),
            "stack": "".join(traceback.format_stack(frame)) if still and frame is not None else "",
        }

    def _write(self, doing: dict[str, Any]) -> None:
        if self.world == 1:
            return
        temporary = self._file(self.rank).with_suffix(".tmp")
        with suppress(OSError):  # then the others will find this process silent
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(doing))
            os.replace(temporary, self._file(self.rank))

    def _end(self, mine: dict[str, Any]) -> None:
        """Name who hangs, and leave. Nothing is saved: other processes may be anywhere."""
        everybody = [mine if rank == self.rank else self._read(rank) for rank in range(self.world)]
        silent = [each for each in everybody if each["silent"]]
        busy = [each for each in everybody if not each["silent"] and not each["waits"]]
        for each in silent + busy or everybody:
            logging.getLogger("leyden").error(self._named(each))
            print(self._named(each), file=sys.stderr, flush=True)
        for each in silent:
            if each.get("host") == mine["host"]:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(each["pid"]), signal.SIGKILL)
        os._exit(FAILED)

    def _named(self, doing: dict[str, Any]) -> str:
        """What is said about a process."""
        who = f"rank {doing['rank']}" + (
            f" (process {doing['pid']} on {doing['host']})" if "pid" in doing else ""
        )
        if doing["silent"]:
            what = f"gave no sign of life for {doing['silent']:.0f} s: it was stopped, or its machine is gone"
        elif doing["waits"]:
            what = f"waits for other processes since {doing['still']:.0f} s"
        else:
            what = f"hangs since {doing['still']:.0f} s"
        return (
            f"the run stands still for longer than trainer.deadline of {self.deadline:g} s: {who} {what}\n"
            f"{doing.get('stack', '')}"
        )

    def _read(self, rank: int) -> dict[str, Any]:
        """What another process wrote last, and for how many seconds it has written nothing."""
        assert self.deadline is not None
        try:
            age = time.time() - self._file(rank).stat().st_mtime
            told: dict[str, Any] = json.loads(self._file(rank).read_text())
        except (OSError, ValueError):
            return {"rank": rank, "silent": self.deadline, "waits": False}
        return {**told, "silent": age if age > self.deadline / 2 else 0.0}

    def _file(self, rank: int) -> Path:
        return self.folder / f".rank_{rank}.json"


def _waits(frame: FrameType | None) -> bool:
    """Whether a thread stands in a collective."""
    while frame is not None:
        if any(part in frame.f_code.co_filename.replace(os.sep, "/") for part in COLLECTIVES):
            return True
        frame = frame.f_back
    return False
