"""Real processes to kill, each in its own session: forked from this one, all imported already, or fresh."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class Child:
    """A forked process. What it prints goes into ``log``.

    Args:
        work: What it does; gives its exit code.
        log: A file.
    """

    def __init__(self, work: Callable[[], int], log: Path) -> None:
        self.log = log
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        try:
            os.setsid()
            warnings.simplefilter("always")
            warnings.showwarning = _to_log  # whoever ran the tests wanted errors, or to collect them
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout = sys.stderr = os.fdopen(os.dup(2), "w")
            code = work()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; SIGKILL goes to everything that the process has started, too."""
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code, negative after a signal; what it has started is ended as well."""
        if not self.lasts(seconds):
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        else:
            self.kill()
            os.waitpid(self.pid, 0)
            raise TimeoutError(f"a process was not done after {seconds:.0f} s; it said:\n{self.said()}")
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return code

    def lasts(self, seconds: float) -> bool:
        """Whether it is still there after so long; returns early if it is not."""
        import select

        handle = os.pidfd_open(self.pid)
        try:
            return not select.select([handle], [], [], seconds)[0]
        finally:
            os.close(handle)

    def said(self) -> str:
        """What it has printed, the end of it."""
        return self.log.read_text()[-20_000:] if self.log.exists() else ""


class Fresh(Child):
    """A new Python process, for what one forked from this cannot do: its threads and locks are its own.

    Args:
        code: What it does; can import this package.
        words: Its ``sys.argv[1:]``.
        log: A file.
    """

    def __init__(self, code: str, *words: object, log: Path) -> None:
        self.log = log
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-W", "always", "-c", code, *map(str, words)],
            {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )


def _to_log(message: Warning | str, *place: object, **more: object) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)
