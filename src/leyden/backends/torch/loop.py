"""The fit loop: Lightning's Trainer is kept, its counters are assigned, its hooks called in order.

on_train_start
while the plan has steps and nobody wants to stop:
    on_train_epoch_start                            not after a resume inside an epoch
    for each window:
        on_train_batch_start, K optimizer steps, on_train_batch_end
        border: validate if due, then save if due; a signal leaves here, with what is owed in the checkpoint
    on_train_epoch_end, then save if due
on_train_end, then save
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Trainer

from . import lightning_private as private
from .driver import Driver
from .keeper import Keeper
from .midway import Left
from .session import Session
from .update import HalfUpdateError


class Loop(private.FitLoop):
    """Advances a position through a plan.

    Args:
        trainer: Whose ``fit_loop`` this becomes.
        session: Where the fit stands.
        driver: What trains.
        keeper: What saves.
        stop_after: Least (epochs, steps) before a callback may stop the run.
    """

    def __init__(
        self,
        trainer: Trainer,
        session: Session,
        driver: Driver,
        keeper: Keeper,
        stop_after: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(trainer, max_epochs=session.plan.max_epochs)
        self.epoch_loop.max_steps = session.plan.max_steps  # for whoever asks the trainer; the plan decides
        self.session = session
        self.driver = driver
        self.keeper = keeper
        self.stop_after = stop_after
        self.windows_done = 0  # of the running epoch
        self.leave = 0  # the signal that all ranks leave for

    @property
    def restarting(self) -> bool:
        """Never: a position is all there is to restart from."""
        return False

    @restarting.setter
    def restarting(self, restarting: bool) -> None: ...

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing: the position is the keeper's."""
        return {}

    def load_state_dict(self, *args: Any, **kwargs: Any) -> None: ...

    def run(self) -> None:
        """Train from the position to the plan's end, or until somebody stops it."""
        self._begin()
        try:
            while not self.leave and not self._finished():
                self._epoch()
            if not self.leave:
                self._end()
        finally:
            self.keeper.saver.release()  # whatever comes after the loop may write weights

    def _begin(self) -> None:
        trainer: Any = self.trainer
        self.loader = private.train_loader(self)
        private.grad_enabled()
        trainer.training = True
        private.start_validation_data(self)
        self.keeper.begin(self.driver)
        self.keeper.count = self._place
        self.session.mirror = self._mirror
        self.watched = self.driver.hooked or private.watches_batches(trainer.callbacks)
        self.watchers = self.session.watchers
        self.watched |= not private.watches_nothing(trainer)
        self._place()
        private.hooks(trainer, "on_train_start")
        private.strategy_hook(trainer, "on_train_start")
        self.session.call("on_fit_start")
        self.keeper.restore_generators()  # last: everything above may have drawn from them

    def _finished(self) -> bool:
        position = self.session.position
        return not position.pending and (position.step >= self.session.plan.total_steps or self._stopped())

    def _stopped(self) -> bool:
        """Whether a callback has asked for the end, and the run is long enough for it."""
        session = self.session
        if not session.reason:
            return False
        epochs, steps = self.stop_after
        return session.step >= steps and session.step >= epochs * session.plan.steps_per_epoch

    def _epoch(self) -> None:
        position, plan = self.session.position, self.session.plan
        self._place()
        if not position.pending and position.step % plan.steps_per_epoch == 0:
            self._hooks("on_train_epoch_start")
        go_on = not position.pending or (position.pending == "validate" and self._border())
        if go_on:
            for window in self.loader:
                self._window(window)
                if not self._border():
                    break
        if position.pending == "epoch_end" and not self.leave:
            self._end_epoch()

    def _window(self, window: Any) -> None:
        """Train on one window, and move the position to its end."""
        session, position, plan = self.session, self.session.position, self.session.plan
        index = self.windows_done
        if self.watched:
            output = self._watched_window(window, index)
        else:
            output = self.driver.window(self, window, index)
        self.windows_done += 1
        self.keeper.watch.beat()
        position.step = plan.border(position.step)
        over = self._epoch_over()
        if over:
            self.driver.flush(position.step)
        position.pending = "validate" if plan.validation_due(position.step) else "epoch_end" if over else ""
        if self.watched:
            self._place()
            private.hooks(self.trainer, "on_train_batch_end", output, window, index)
            private.batch_ended(self, position.step)
        for callback in self.watchers:
            callback.on_step_end(session)

    def _watched_window(self, window: Any, index: int) -> Any:
        """With the hooks of a batch around it, for callbacks and profilers that look at batches."""
        trainer: Any = self.trainer
        private.batch_started(trainer, window)
        if self._hooks("on_train_batch_start", window, index) == -1:
            raise ValueError(
                "on_train_batch_start returned -1 to skip the rest of the epoch, which would leave samples "
                "out without a trace; set data.train.limit or trainer.limit_train_batches instead"
            )
        private.strategy_hook(trainer, "on_train_batch_start", window, index)
        with trainer.profiler.profile("training_step"):
            return self.driver.window(self, window, index)

    def _hooks(self, name: str, *args: Any) -> Any:
        """Lightning's hooks between a save and the next update: whoever listens may write weights."""
        if private.listens(self.trainer, name):
            self.keeper.saver.release()
        return private.hooks(self.trainer, name, *args)

    def _border(self) -> bool:
        """Do what the border owes; whether the loop may go on to the next window."""
        position = self.session.position
        if self._leave():
            return False
        if position.pending == "validate":
            self._validate()
            if self.leave or self._leave():
                return False
        if position.pending == "" and self._stopped():
            position.pending = "epoch_end"
        if position.pending == "":
            self.keeper.border()
        return position.pending == ""

    def _leave(self) -> bool:
        """Agree with all ranks on signals and stops; a signal saves here and now, whatever is owed.

        Raises:
            HalfUpdateError: on all ranks, where one has weights that are not to be saved.
        """
        keeper, session = self.keeper, self.session
        keeper.watch_clock()
        keeper.look_at_disk()
        if self.trainer.should_stop and not session.reason:
            session.reason = "a Lightning callback set trainer.should_stop"
        torn = self.driver.torn
        self.leave, stop, any_torn = keeper.place.vote.largest(
            keeper.signals.received, int(bool(session.reason)), int(bool(torn))
        )
        if any_torn:
            raise HalfUpdateError(torn)
        if stop and not session.reason:
            session.reason = "another process asked for the end"
        if self.leave:
            keeper.watch.obeyed = True
            keeper.finish()
        return bool(self.leave)

    def _mirror(self, values: Mapping[str, float]) -> None:
        """What we measure is what Lightning's callbacks monitor."""
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in values.items()})

    def _epoch_over(self) -> bool:
        step, plan = self.session.position.step, self.session.plan
        return plan.epoch_ends(step) or step >= plan.total_steps

    def _validate(self) -> None:
        session, position = self.session, self.session.position
        self.driver.settle()
        self._place()
        if self.trainer.enable_validation:
            try:
                private.validate(self)
            except Left as left:  # and saved already
                self.leave = left.code
                return
            self.driver.observe(position.step)
            session.call("on_validation_end", session.metrics)
            self.keeper.validated()
        position.pending = "epoch_end" if self._epoch_over() else ""

    def _end_epoch(self) -> None:
        session = self.session
        self.driver.flush(session.step)  # where it was stopped inside the epoch
        self._place()
        private.epoch_ended(self.trainer)
        self.driver.end_epoch(self)
        session.call("on_epoch_end")
        session.position.pending = ""
        if not self._leave():
            self.keeper.border()

    def _end(self) -> None:
        trainer, session = self.trainer, self.session
        self._place()
        private.finish_epochs(self, session.step // session.plan.steps_per_epoch)
        self._hooks("on_train_end")
        private.strategy_hook(trainer, "on_train_end")
        if private.listens(trainer, "on_train_end"):
            self.keeper.save()  # also where this position is saved: averages put their weights in there
        else:
            self.keeper.finish()

    def _place(self) -> None:
        """Assign Lightning's counters; it costs as much as a small step, so only where they may be read."""
        position, plan = self.session.position, self.session.plan
        epoch = plan.epoch(position)
        windows = plan.windows(epoch)
        before = plan.windows_before(epoch * plan.steps_per_epoch)
        total = plan.windows_before(position.step)
        self.windows_done = total - before
        private.place(
            self,
            epoch=epoch,
            windows_done=self.windows_done,
            windows=windows,
            step=position.step,
            total_windows=total,
        )
