"""Writes checkpoints beside the loop, one at a time, and bears with file systems that fail for a while."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from leyden.runs.digesting import Digesting
from leyden.trackers.tracker import Tracker

from .content import plain, strided
from .deferred import ChangedError, Deferred
from .memory import is_out_of_memory
from .shelf import Shelf
from .staging import Staging


class FailedSaveWarning(UserWarning):
    """A checkpoint could not be written; the ones before it stand, and training goes on."""


class SaveError(OSError):
    """A run ends without its last state on disk."""


class Saver:
    """The loop waits while some tensors are copied, and before it writes others until they are, too.

    Args:
        shelf: Where checkpoints go.
        patience: Saves in a row that may fail before `gave_up`.
    """

    def __init__(self, shelf: Shelf, patience: int) -> None:
        self.shelf = shelf
        self.patience = patience
        self.failures = 0  # in a row
        self.newest_failed = False
        self._staging = Staging()
        self._later = Deferred()
        self._defers = True  # until a tensor was written that was promised not to be
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leyden-writer")
        self._job: Future[None] | None = None  # that nobody has waited for
        self._last_error = ""

    @property
    def gave_up(self) -> bool:
        """Whether too many saves have failed in a row."""
        return self.failures >= self.patience

    def reserve(self, tensors: Iterable[Tensor]) -> None:
        """Have memory for copies of ``tensors`` ready by the first save, without waiting for it."""
        self.wait()
        self._job = self._thread.submit(self._reserve, list(tensors))

    def save(
        self,
        step: int,
        tree: dict[str, Any],
        metrics: Mapping[str, float],
        trackers: Sequence[Tracker],
        steady: Iterable[Tensor] = (),
    ) -> None:
        """Begin to write ``tree``; returns once its tensors may change, all but ``steady``.

        Args:
            step: Optimizer steps completed.
            tree: Containers of tensors and plain values.
            metrics: The newest value of everything measured.
            trackers: What they hold is written before the checkpoint that counts on it.
            steady: Tensors that nothing writes before `release`.

        Raises:
            ValueError: Something in the tree is not plain.
        """
        self.wait()
        trackers = list(trackers)
        try:
            staged, later = self._staging.copy(tree, steady if self._defers else ())
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._staging = Staging()  # no memory for copies: the loop waits until all is written
            self._job = self._thread.submit(self._write, step, plain(tree), Deferred(), metrics, trackers)
            self.wait()
            return
        self._job = self._thread.submit(self._write, step, staged, later, metrics, trackers)
        self._later = later

    def release(self) -> None:
        """Wait until tensors that were said to be steady may be written; to be called before it happens."""
        self._later.release()

    def look(self) -> None:
        """Notice how the newest save went if it is over, without waiting for it."""
        if self._job is not None and self._job.done():
            self.wait()

    def wait(self) -> bool:
        """Wait for the save that is under way; whether the newest one is on disk."""
        if self._job is None:
            return not self.newest_failed
        job, self._job = self._job, None
        error = job.exception()
        if error is not None and not _is_borne(error):
            raise error
        self.newest_failed = error is not None
        self.failures = self.failures + 1 if error else 0
        if error is not None:
            self._defers = self._defers and not isinstance(error, ChangedError)
            self._last_error = str(error)
            message = f"no checkpoint could be written ({error}); the one before stands, and training goes on"
            logging.getLogger("leyden").warning(message)
            warnings.warn(message, FailedSaveWarning, stacklevel=2)
        return not self.newest_failed

    def settle(self) -> None:
        """Wait for the last save of a run.

        Raises:
            SaveError: it is not on disk.
        """
        if not self.wait():
            raise SaveError(
                f"the last state of the run must be saved, but {self._last_error}; make room, or bring the "
                "folder back, and train again: it goes on from the newest checkpoint that was written"
            )

    def close(self) -> None:
        """Wait for the save that is under way; there is none after it."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

    def _reserve(self, tensors: Sequence[Tensor]) -> None:
        try:
            self._staging.reserve(tensors)
        except Exception as error:
            if not is_out_of_memory(error):  # else `save` runs out of it, too, and does without
                raise

    def _write(
        self,
        step: int,
        tree: dict[str, Any],
        later: Deferred,
        metrics: Mapping[str, float],
        trackers: Sequence[Tracker],
    ) -> None:
        later.make()
        for tracker in trackers:
            tracker.sync()

        def write(file: Digesting) -> None:
            torch.save(tree, file)  # type: ignore[arg-type]
            later.check()  # before the file has its name

        self.shelf.add(step, write, metrics, _finite(tree["state_dict"].values()))


def _finite(weights: Iterable[Tensor]) -> bool:
    """Whether all weights are finite. The norm takes a seventieth of the time of looking at each number."""
    return all(
        bool(torch.linalg.vector_norm(w).isfinite()) or bool(torch.isfinite(w).all())
        for w in (strided(weight)[0] for weight in weights)
        if w.is_floating_point()
    )


def _is_borne(error: BaseException) -> bool:
    """Whether a save may fail like this, and the run goes on."""
    return isinstance(error, (OSError, ChangedError)) or is_out_of_memory(error)
