"""Writes checkpoints beside the loop, one at a time, and bears with file systems that fail for a while."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from leyden.trackers.tracker import Tracker

from .memory import is_out_of_memory
from .shelf import Shelf
from .staging import Staging
from .writer import Writer


class FailedSaveWarning(UserWarning):
    """A checkpoint could not be written; the ones before it stand, and training goes on."""


class SaveError(OSError):
    """A run ends without its last state on disk."""


class Saver:
    """The loop waits while tensors are copied, and for the checkpoint before if that is still being written.

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
        self._writer = Writer()
        self._last_error = ""

    @property
    def gave_up(self) -> bool:
        """Whether too many saves have failed in a row."""
        return self.failures >= self.patience

    def save(
        self, step: int, tree: dict[str, Any], metrics: Mapping[str, float], trackers: Sequence[Tracker]
    ) -> None:
        """Begin to write ``tree``, in plain values; returns once its tensors may change."""
        self.wait()
        write = partial(self._write, step, metrics=metrics, trackers=list(trackers))
        try:
            staged = self._staging.copy(tree)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._staging = Staging()  # no memory for copies: the loop waits until all is written
            self._writer.start(partial(write, tree))
            self.wait()
            return
        self._writer.start(partial(write, staged))

    def look(self) -> None:
        """Notice how the newest save went if it is over, without waiting for it."""
        if not self._writer.busy:
            self.wait()

    def wait(self) -> bool:
        """Wait for the save that is under way; whether the newest one is on disk."""
        if not self._writer.started:
            return not self.newest_failed
        error = self._writer.wait()
        if error is not None and not isinstance(error, OSError):
            raise error
        self.newest_failed = error is not None
        self.failures = self.failures + 1 if error else 0
        if error is not None:
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

    def _write(
        self, step: int, tree: dict[str, Any], *, metrics: Mapping[str, float], trackers: Sequence[Tracker]
    ) -> None:
        self._staging.ready()
        for tracker in trackers:
            tracker.sync()
        weights = tree["state_dict"].values()
        finite = all(bool(torch.isfinite(w).all()) for w in weights if w.is_floating_point())
        self.shelf.add(step, lambda file: torch.save(tree, file), metrics, finite)  # type: ignore[arg-type]
