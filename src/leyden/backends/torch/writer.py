"""One job at a time beside the loop."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Writer:
    """Runs one job in a thread, and hands what it raises to whoever waits for it."""

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def start(self, job: Callable[[], None]) -> None:
        """Begin ``job``; to be called after `wait`."""
        assert self._thread is None
        self._thread = Thread(target=self._run, args=(job,), name="leyden-writer")
        self._thread.start()

    @property
    def started(self) -> bool:
        """Whether there is a job that nobody has waited for."""
        return self._thread is not None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> BaseException | None:
        """Wait for the job that is running; gives what it raised, once."""
        if self._thread is None:
            return None
        self._thread.join()
        error, self._thread, self._error = self._error, None, None
        return error

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            self._error = error
