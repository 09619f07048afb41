"""One way through a fit: put together, then run from the newest checkpoint to an end or an error."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace

from lightning.pytorch import Callback as LightningCallback
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn

from leyden.backends.outcome import Outcome
from leyden.backends.parts import Parts
from leyden.callbacks.callback import Callback
from leyden.callbacks.progress import Progress
from leyden.runs.folder import RunFolder
from leyden.runs.retention import Retention
from leyden.spec.errors import UserError

from .adapter import Carrier, LoggerTracker, TrackerLogger
from .content import weights_sha256
from .driver import Driver
from .holders import held
from .keeper import Keeper
from .loaders import Ranks, UserLoader, cut_of, eval_batch_size, eval_loader, train_loader
from .loop import Loop
from .memory import is_out_of_memory
from .midway import WayOut
from .module import Module
from .place import RankError
from .reports import Reports, report_file
from .seeding import seed_initial
from .session import Session
from .shelf import Shelf
from .shortage import ShortageError
from .signals import Signals
from .trainer import make_trainer
from .update import HalfUpdateError
from .user_module import WHOLE, Batches, UserDriver
from .whereabouts import whereabouts
from .window import EvalLoader

#: errors about memory that say all there is to say
SAID = (ShortageError, HalfUpdateError, RankError)


class Attempt:
    """A model, its trainer and its data, for one call of ``trainer.fit``.

    Args:
        parts: The run; its callbacks and trackers are used up.
        folder: Where everything is.
        signals: What the process is asked meanwhile.
        restores: Times that the run has gone back because of gradients that were not finite.
    """

    def __init__(self, parts: Parts, folder: RunFolder, signals: Signals, restores: int = 0) -> None:
        self.parts = parts
        self.session = _session(parts)
        self.session.restores = restores
        shelf = Shelf(folder.index(parts.repeat, _retention(parts)))
        self.keeper = Keeper(parts, self.session, shelf, signals, folder.logs(parts.repeat))
        if parts.run.trainer.compile:
            signals.spare_helpers()
        seed_initial(parts.seed)
        self.model = model = parts.make_model()
        self.trainer = _trainer(parts, self.keeper, own_module=isinstance(model, LightningModule))
        self.batches: EvalLoader | UserLoader | None = None
        if isinstance(model, LightningModule):
            self.module = model
            driver = self._take_user_module(model)
        else:
            self.module = driver = self._take_model(model)
        settings = parts.run.trainer
        stop_after = (settings.min_epochs or 0, settings.min_steps or 0)
        self.loop = Loop(self.trainer, self.session, driver, self.keeper, stop_after)
        self.trainer.fit_loop = self.loop

    def run(self) -> Outcome:
        """Train; to be called by all processes of the run."""
        error: BaseException | None = None
        try:
            newest = self.keeper.meet(self.trainer)
            with ExitStack() as stack:
                for loader in (self.windows, self.batches):
                    if loader is not None:
                        stack.enter_context(closing(loader))
                self.trainer.fit(self.module, self.windows, self.batches, ckpt_path=newest, weights_only=True)
            self.keeper.settle()
        except BaseException as raised:
            error = raised
            if is_out_of_memory(raised) and not isinstance(raised, SAID):
                error = self._explained(raised)
                raise error from None
            raise
        finally:
            self.session.call("on_fit_end", error)
            self.keeper.close()
        return self._outcome()

    def _take_model(self, model: nn.Module) -> Module:
        parts, ranks = self.parts, self._ranks()
        limit, val = parts.run.trainer.limit_val_batches, parts.val
        cuts = {} if val is None else {"val": lambda: cut_of(parts, val, limit, *ranks())}
        if val is not None:
            self.batches = eval_loader(parts, val, cuts["val"])
        self.windows = train_loader(parts, self.session.position, ranks)
        return Module(model, parts, self.session, cuts)

    def _take_user_module(self, module: LightningModule) -> Driver:
        parts, ranks, entries = self.parts, self._ranks(), Batches(module)
        limit, val = parts.run.trainer.limit_val_batches, parts.val
        if val is not None:
            world = self.trainer.world_size
            cut = cut_of(parts, val, limit, 0, world)
            if cut.batches and not min(cut.lengths):
                raise UserError(
                    "trainer.limit_val_batches and data.eval_batch_size must leave a batch for each of "
                    f"{world} processes, because a LightningModule's hooks are not called where there is "
                    f"none, but there are {cut.batches}; validate on more, or on fewer devices"
                )
            self.batches = UserLoader(
                parts, val, lambda: cut_of(parts, val, limit, *ranks()), entries.entries
            )
        self.windows = train_loader(parts, self.session.position, ranks, entries)
        return UserDriver(module, self.session, parts.seed)

    def _explained(self, raised: BaseException) -> BaseException:
        """An error with all that is known, for memory that ran out where no step is taken again."""
        parts, place, model = self.parts, self.keeper.place, self.model
        own = isinstance(model, LightningModule)
        place = replace(place, device=next((p.device for p in model.parameters()), place.device))
        reports = Reports(
            model,
            run=parts.run,
            place=place,
            file=report_file(self.keeper.logs, place),
            holders=lambda: held(model, self.trainer.optimizers, []),
            own_module=own,
            evaluates=own and whereabouts(raised, model).evaluates,
        )
        steps = self.session.step
        at, share = f"optimizer step {steps}", -(-parts.plan.batch_size // place.world)
        if reports.evaluates:
            at, share = f"the validation after optimizer step {steps - 1}", eval_batch_size(parts)
        reports.saw(raised, at, share if own else 0, {})
        remark = WHOLE if own and not reports.evaluates else ""
        return reports.fatal(raised, remark).with_traceback(raised.__traceback__)

    def _ranks(self) -> Ranks:
        return lambda: (self.trainer.global_rank, self.trainer.world_size)

    def _outcome(self) -> Outcome:
        session, keeper, leave = self.session, self.keeper, self.loop.leave
        finished = session.step >= session.plan.total_steps
        return Outcome(
            status="interrupted" if leave else "finished" if finished else "stopped",
            steps=session.step,
            epochs=session.step // session.plan.steps_per_epoch,
            metrics=dict(session.metrics),
            best=keeper.shelf.best(),
            seconds=keeper.seconds - keeper.seconds_before,
            weights_sha256=weights_sha256(self.module.state_dict()),
            exit_code=leave,
            reason=session.reason,
        )


def _retention(parts: Parts) -> Retention:
    """Which checkpoints the run file wants kept."""
    wanted = parts.run.checkpoint
    return Retention(
        monitor=wanted.monitor, mode=wanted.mode, save_top_k=wanted.save_top_k, save_last=wanted.save_last
    )


def _session(parts: Parts) -> Session:
    """The live state, with our callbacks, and with trackers for whatever can take numbers."""
    ours = [callback for callback in parts.callbacks if isinstance(callback, Callback)]
    if parts.run.trainer.enable_progress_bar and not any(isinstance(c, Progress) for c in ours):
        ours.append(Progress())
    trackers = [LoggerTracker(t) if isinstance(t, Logger) else t for t in parts.trackers]
    return Session(parts.plan, ours, trackers)


def _trainer(parts: Parts, keeper: Keeper, *, own_module: bool) -> Trainer:
    theirs = [callback for callback in parts.callbacks if isinstance(callback, LightningCallback)]
    return make_trainer(
        parts.run,
        keeper.logs,
        [WayOut(keeper), *theirs, Carrier(keeper)],
        [*(t for t in parts.trackers if isinstance(t, Logger)), TrackerLogger(keeper.session)],
        own_module=own_module,
        validates=parts.val is not None and parts.run.trainer.limit_val_batches != 0,
    )
