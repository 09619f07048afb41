"""The way out of a validation in its middle, for all ranks at once, though each has its number of batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from .keeper import Keeper
from .place import Vote
from .seeding import rng_state, set_rng_state

#: seconds between two votes, about
EVERY = 1.0


class Midway:
    """Votes of all ranks at the same numbers of batches: a rank that is through votes on without any.

    How far apart they are is known to all, because all learn at each vote how long a batch takes the slowest.
    One process alone needs no vote.

    Args:
        vote: Of all ranks.
        most: Batches of the rank that has most.
        distance: Batches until the first vote; that of the evaluation before.
    """

    def __init__(self, vote: Vote, most: int, distance: int = 1) -> None:
        self.vote = vote
        self.most = most
        self.distance = distance
        self.next = distance
        self.since = time.monotonic()

    def agreed(self, done: int, wish: Callable[[], int]) -> int:
        """What the ranks agree on when this one has done so many batches: the largest wish; 0 between votes.

        Args:
            done: Batches that this rank has done.
            wish: What this rank wants; 0 to go on.
        """
        if self.vote.world == 1:
            return wish()
        if done != self.next:
            return 0
        now = time.monotonic()
        mine = (now - self.since) / self.distance
        agreed, slowest = self.vote.largest(wish(), int(1e6 * mine))
        # at most twice as far as the last time: the first batches are no measure
        self.distance = max(1, min(2 * self.distance, int(1e6 * EVERY) // max(slowest, 1)))
        self.next += self.distance
        self.since = time.monotonic()
        return agreed

    def rest(self, wish: Callable[[], int]) -> int:
        """What the ranks agree on while this one is through with its batches, and others may not be."""
        while self.vote.world > 1 and self.next < self.most:
            if agreed := self.agreed(self.next, wish):
                return agreed
        return 0


class Left(Exception):
    """A validation was left, by all ranks; what stood before it is saved, and it is owed.

    Args:
        code: The exit code of the signal.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class WayOut(Callback):
    """Leaves a validation that a signal comes into; the next process does all of it.

    First of all callbacks, so that no other sees the end of half a validation.

    Args:
        keeper: What saves, and knows of signals.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.midway = Midway(Vote(), 0)
        self.generators: dict[str, Any] = {}  # as they were when the running validation began

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.generators = rng_state()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        most: int = trainer.val_dataloaders.most  # pyright: ignore[reportOptionalMemberAccess]
        self.midway = Midway(self.keeper.place.vote, most, self.midway.distance)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.keeper.watch.beat()
        self._leave(self.midway.agreed(batch_idx, self._wish))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before what was measured is summed up over the ranks."""
        self._leave(self.midway.rest(self._wish))

    def _wish(self) -> int:
        return self.keeper.signals.received

    def _leave(self, code: int) -> None:
        if code:
            self.keeper.watch.obeyed = True
            self.keeper.driver.abandon()
            set_rng_state(self.generators)  # the validation that is owed draws what this one drew
            self.keeper.save()
            raise Left(code)
