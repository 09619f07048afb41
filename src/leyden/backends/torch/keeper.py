"""Keeps a run from being lost: saves at borders, and brings everything back.

Order at a border: optimise, validate, save. Everything that a resumed run needs is in one file; see
`Keeper.state`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from leyden.backends.parts import Parts
from leyden.callbacks.progress import Progress
from leyden.spec.errors import UserError
from leyden.trackers.tracker import Tracker

from . import lightning_private as private
from .content import FORMAT, plain_settings
from .driver import Driver
from .place import Place, Vote
from .saver import SaveError, Saver
from .seeding import rng_state, set_rng_state
from .session import Session, names
from .shelf import Shelf
from .signals import FAILED, Signals
from .watch import Watch


class Keeper:
    """Saves and restores one fit.

    Args:
        parts: The run; its ``checkpoint`` section says when to save.
        session: Where the fit stands.
        shelf: Where checkpoints go.
        signals: What the process was asked.
        logs: Folder of the trackers' files.
    """

    def __init__(self, parts: Parts, session: Session, shelf: Shelf, signals: Signals, logs: Path) -> None:
        self.parts = parts
        self.session = session
        self.shelf = shelf
        self.saver = Saver(shelf, parts.run.checkpoint.max_failures)
        deadline = parts.run.trainer.deadline
        self.watch = Watch(logs, None if deadline is None else deadline.seconds(), signals)
        self.signals = signals
        self.logs = logs
        self.loaded: Mapping[str, Any] = {}
        self.place = Place()
        self.count: Callable[[], None] = lambda: None  # assigns Lightning's counters
        self.opened: list[Tracker] = []
        self.saved: tuple[int, str] = (-1, "")  # position of the newest checkpoint
        self.seen = 0  # step of the border before
        self.reserved = False  # memory for copies; the first update has made the moments by then
        self.candidate = False  # whether a validation since then gave a value worth keeping
        self.began = self.saved_time = time.monotonic()
        self.seconds_before = 0.0  # of the processes that this one goes on from

    # ---------------------------------------------------------------- begin

    def meet(self, trainer: Trainer) -> Path | None:
        """Find the other processes of the run, and hear from rank 0 which checkpoint all go on from.

        It alone writes, so it knows when all is written; a run that goes back wants a finite one.
        """
        self.trainer = trainer
        # from here on, because another process may never come; the trainer does not know its rank yet
        rank = trainer.node_rank * trainer.num_devices + trainer.local_rank
        self.watch.start(rank, trainer.num_nodes * trainer.num_devices)
        private.meet(trainer)
        world = trainer.world_size
        self.place = Place(trainer.strategy.root_device, trainer.global_rank, world, Vote.open(world))
        newest = self.shelf.newest(finite=self.session.restores > 0) if self.place.rank == 0 else None
        return self.place.vote.gather(newest)[0]

    def take(self, state: Mapping[str, Any]) -> None:
        """Take what is to be restored, as it was loaded.

        Raises:
            UserError: Another version of Leyden has written it; to guess what it lacks would be another run.
        """
        if state.get("format") != FORMAT:
            raise UserError(
                f"the newest checkpoint in {self.shelf.index.folder} must have the format {FORMAT} to go on "
                f"from, but it has {state.get('format')}: another version of Leyden wrote it. Go on with "
                "that one, named in environment.json, or begin anew (--fresh); `leyden test`, `predict` "
                "and `export` read its weights as they are"
            )
        self.loaded = state

    def begin(self, driver: Driver) -> None:
        """Put the training together on its device, restore what was loaded, open the trackers."""
        self.driver = driver
        self.watch.beat()
        if self.place.rank != 0:
            self.session.trackers = []
            self.session.callbacks = [c for c in self.session.callbacks if not isinstance(c, Progress)]
        driver.prepare(self.place)
        if self.loaded:
            self._restore(self.loaded)
        states: Mapping[str, Any] = self.loaded.get("trackers", {})
        for name, tracker in zip(names(self.session.trackers), self.session.trackers, strict=True):
            tracker.open(self.logs, self.parts.run.tree(), states.get(name, {}))
            self.opened.append(tracker)

    def settle(self) -> None:
        """Wait until the last state is on disk; no process is done before, because all would have to go on.

        Raises:
            SaveError: it could not be written; on all ranks.
        """
        failed = True
        try:
            self.saver.settle()
            failed = False
        finally:
            (any_failed,) = self.place.vote.largest(int(failed))
        if any_failed:
            raise SaveError("the last state of the run must be saved, but rank 0 could not; see its message")

    def close(self) -> None:
        """Let the newest checkpoint be written, and close the trackers; nothing is measured any more."""
        self.watch.close()
        self.place.vote.close()  # whoever waits for this process hears of it
        self.saver.close()
        for tracker in self.opened:
            tracker.close()

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.session.restore(state["session"])
        self.driver.restore(state["driver"])
        ranks = state["ranks"]
        same_world = len(ranks) == self.place.world
        if same_world or self.place.rank == 0:
            self.driver.restore_rank(ranks[self.place.rank]["driver"])
        self.seconds_before = state["seconds"]
        self.seen, self.saved = self.session.step, self._position

    def restore_generators(self) -> None:
        """Put the global generators where they were; ours never draw from them, a user's callbacks may."""
        ranks = self.loaded.get("ranks", [])
        if len(ranks) == self.place.world:
            set_rng_state(ranks[self.place.rank]["generators"])
        self.loaded = {}

    # ---------------------------------------------------------------- borders

    @property
    def seconds(self) -> float:
        """Time spent in this fit, over all processes that it went on from."""
        return self.seconds_before + time.monotonic() - self.began

    def watch_clock(self) -> None:
        """Stop the run once ``trainer.max_time`` is over."""
        limit = self.parts.run.trainer.max_time
        if limit is not None and not self.session.reason and self.seconds >= limit.seconds():
            self.session.stop(f"trainer.max_time of {limit} is over")

    def validated(self) -> None:
        """Note whether the newest validation is worth a checkpoint; rank 0, which has the index, decides."""
        if self.parts.run.checkpoint.monitor is None:
            return
        wanted = False
        if self.place.rank == 0:
            self.saver.wait()
            wanted = self.shelf.wants(self.session.fresh())
        self.candidate = bool(self.place.vote.largest(int(wanted))[0])

    def border(self) -> None:
        """Save if it is time to; nothing is owed here."""
        step = self.session.step
        due = self._due(step) or self.candidate
        self.seen, self.candidate = step, False
        if due:
            self.finish()
        elif not self.reserved and self.place.rank == 0:
            self.saver.reserve(self.driver.steady(self.saver.release))
        self.reserved = True

    def finish(self) -> None:
        """Save, unless this very position is saved already; rank 0 knows whether it is."""
        if self.place.vote.largest(int(self.saver.newest_failed))[0]:
            self.saved = (-1, "")
        if self.saved != self._position:
            self.save()

    @property
    def _position(self) -> tuple[int, str]:
        return self.session.position.step, self.session.position.pending

    def _due(self, step: int) -> bool:
        every, plan = self.parts.run.checkpoint.every, self.session.plan
        if not every.is_time:
            distance = max(1, every.steps(plan.total_steps, plan.steps_per_epoch))
            return step // distance > self.seen // distance
        late = time.monotonic() - self.saved_time >= every.seconds()
        return bool(self.place.vote.largest(int(late))[0])

    # ---------------------------------------------------------------- save

    def save(self) -> None:
        """Begin to write a checkpoint of the present position; to be called by all ranks."""
        self.watch.beat()
        self.driver.settle()
        self.count()
        content = private.dump(self.trainer)  # on all ranks: gathers what is theirs, through `state`
        if self.place.rank == 0:
            if "hyper_parameters" in content:
                content["hyper_parameters"] = plain_settings(content["hyper_parameters"])
            steady = self.driver.steady(self.saver.release)
            session = self.session
            self.saver.save(session.step, content, session.fresh(), session.trackers, steady)
        self.saved = self._position
        self.saved_time = time.monotonic()

    def look_at_disk(self) -> None:
        """Ask all ranks to leave once too many checkpoints could not be written."""
        self.saver.look()
        if self.saver.gave_up and not self.signals.received:
            self.signals.received = FAILED

    def state(self) -> dict[str, Any]:
        """All of a checkpoint that is not Lightning's: position, parts, and what each rank has of its own."""
        mine = {"driver": self.driver.rank_state(), "generators": rng_state()}
        trackers = self.session.trackers
        return {
            "format": FORMAT,
            "session": self.session.state(),
            "driver": self.driver.state(),
            "ranks": self.place.vote.gather(mine),
            "trackers": dict(zip(names(trackers), (t.state() for t in trackers), strict=True)),
            "seconds": self.seconds,
            "run": self.parts.run.tree(),
        }
