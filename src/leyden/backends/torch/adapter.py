"""Between our parts and Lightning's: a callback that carries our state, and loggers both ways."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from leyden.trackers.tracker import Tracker

from .keeper import Keeper
from .session import Session


class Carrier(Callback):
    """Puts our state into Lightning's checkpoints, and takes it out before anything else is restored.

    Because it is Lightning that asks, a checkpoint that a user's callback writes resumes as well as one of
    ours.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["leyden"] = self.keeper.state()

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.keeper.take(checkpoint.get("leyden", {}))


class TrackerLogger(Logger):
    """What a user's module or callback logs through Lightning reaches our trackers."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @property
    def name(self) -> str:
        return "leyden"

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Hand numbers on, at the optimizer steps that are done; Lightning counts from 0."""
        values = {name: float(value) for name, value in metrics.items() if name != "epoch"}
        self.session.note(self.session.step, values)
        for tracker in self.session.trackers:
            if not isinstance(tracker, LoggerTracker):  # the trainer has that one already
                tracker.log(self.session.step, values)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the resolved run is in the run folder."""


class LoggerTracker(Tracker):
    """What we measure reaches a Lightning logger of the user's.

    Loggers have no place to go on from; after a restart a logger may hold rows that are logged again.
    """

    def __init__(self, logger: Logger) -> None:
        self.logger = logger

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        """Tell the logger what the run is."""
        self.logger.log_hyperparams(dict(resolved))

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        self.logger.log_metrics(dict(values), step)

    def state(self) -> dict[str, Any]:
        """Nothing but that all is written."""
        self.logger.save()
        return {}

    def close(self) -> None:
        self.logger.save()
