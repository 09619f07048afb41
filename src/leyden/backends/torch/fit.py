"""Train one repeat of a run."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback as LightningCallback
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn

from leyden.backends.outcome import Outcome
from leyden.backends.parts import Parts
from leyden.callbacks.callback import Callback
from leyden.callbacks.progress import Progress
from leyden.runs.folder import RunFolder
from leyden.runs.retention import Retention

from . import lightning_private as private
from .adapter import Carrier, LoggerTracker, TrackerLogger
from .content import weights_sha256
from .guard import NonFiniteError as NonFiniteError
from .holders import held
from .inference import evaluate as evaluate
from .inference import load
from .inference import predict as predict
from .keeper import Keeper
from .loaders import Ranks, UserLoader, cut_of, eval_batch_size, eval_loader, train_loader
from .loop import Loop
from .memory import is_out_of_memory
from .module import Module
from .reports import Reports, report_file
from .seeding import seed_initial
from .session import Session
from .shelf import Shelf
from .shortage import ShortageError
from .signals import Signals
from .step import RankError
from .trainer import make_trainer
from .update import HalfUpdateError as HalfUpdateError
from .user_module import WHOLE, Batches, UserDriver
from .whereabouts import whereabouts
from .window import WindowLoader

#: errors about memory that say all there is to say
SAID = (ShortageError, HalfUpdateError, RankError)


def fit(parts: Parts, folder: RunFolder, restores: int = 0) -> Outcome:
    """Train, or go on where the newest intact checkpoint of this repeat in ``folder`` stands.

    Args:
        parts: The run.
        folder: Where everything is.
        restores: Times that the run has gone back because of gradients that were not finite.

    Raises:
        ValueError: A setting that the torch backend cannot honour, or gradients that are not finite.
        SaveError: The last state could not be saved.
    """
    with Signals() as signals:
        session = make_session(parts)
        session.restores = restores
        shelf = Shelf(folder.index(parts.repeat, retention(parts)))
        keeper = Keeper(parts, session, shelf, signals, folder.logs(parts.repeat))
        seed_initial(parts.seed)
        model = parts.make_model()
        error: BaseException | None = None
        try:
            if isinstance(model, LightningModule):
                trainer = _fit_user_module(model, parts, session, keeper)
            else:
                trainer = _fit_model(model, parts, session, keeper)
            keeper.saver.settle()
        except BaseException as raised:
            error = raised
            if isinstance(raised, NonFiniteError):
                raised.restores = session.restores
            if is_out_of_memory(raised) and not isinstance(
                raised, (ShortageError, HalfUpdateError, RankError)
            ):
                error = _explained(raised, model, parts, keeper)
                raise error from None
            raise
        finally:
            session.call("on_fit_end", error)
            keeper.close()
        return _outcome(keeper, trainer)


def retention(parts: Parts) -> Retention:
    """Which checkpoints the run file wants kept."""
    wanted = parts.run.checkpoint
    return Retention(
        monitor=wanted.monitor, mode=wanted.mode, save_top_k=wanted.save_top_k, save_last=wanted.save_last
    )


def make_session(parts: Parts) -> Session:
    """The live state, with our callbacks, and with trackers for whatever can take numbers."""
    ours = [callback for callback in parts.callbacks if isinstance(callback, Callback)]
    if parts.run.trainer.enable_progress_bar and not any(isinstance(c, Progress) for c in ours):
        ours.append(Progress())
    trackers = [LoggerTracker(t) if isinstance(t, Logger) else t for t in parts.trackers]
    return Session(parts.plan, ours, trackers)


def _fit_model(model: nn.Module, parts: Parts, session: Session, keeper: Keeper) -> Trainer:
    trainer = _trainer(parts, keeper, own_module=False)
    ranks, limit, val = _ranks(trainer), parts.run.trainer.limit_val_batches, parts.val
    cuts = {} if val is None else {"val": lambda: cut_of(parts, val, limit, *ranks())}
    module = Module(model, parts, session, cuts)
    trainer.fit_loop = _loop(trainer, parts, keeper, module)
    batches = None if val is None else eval_loader(parts, val, cuts["val"])
    _run(trainer, module, train_loader(parts, session.position, ranks), batches, keeper)
    return trainer


def _fit_user_module(module: LightningModule, parts: Parts, session: Session, keeper: Keeper) -> Trainer:
    trainer = _trainer(parts, keeper, own_module=True)
    ranks, limit, val, entries = (
        _ranks(trainer),
        parts.run.trainer.limit_val_batches,
        parts.val,
        Batches(module),
    )
    trainer.fit_loop = _loop(trainer, parts, keeper, UserDriver(module, session, parts.seed))
    windows, batches = train_loader(parts, session.position, ranks, entries), None

    def to_evaluate(batch: dict[str, Tensor]) -> Any:
        keeper.watch.beat()
        return entries.entries(batch)

    if val is not None:
        batches = UserLoader(parts, val, lambda: cut_of(parts, val, limit, *ranks()), to_evaluate)
    _run(trainer, module, windows, batches, keeper)
    return trainer


def _explained(raised: BaseException, model: nn.Module, parts: Parts, keeper: Keeper) -> BaseException:
    """An error with all that is known, for memory that ran out where no step is taken again."""
    own = isinstance(model, LightningModule)
    place = replace(keeper.place, device=next((p.device for p in model.parameters()), keeper.place.device))
    optimizers = keeper.trainer.optimizers if keeper.begun else []
    reports = Reports(
        model,
        run=parts.run,
        place=place,
        file=report_file(keeper.logs, place),
        holders=lambda: held(model, optimizers, []),
        own_module=own,
        evaluates=own and whereabouts(raised, model).evaluates,
    )
    steps = keeper.session.step
    at, share = f"optimizer step {steps}", -(-parts.plan.batch_size // place.world)
    if reports.evaluates:
        at, share = f"the validation after optimizer step {steps - 1}", eval_batch_size(parts)
    reports.saw(raised, at, share if own else 0, {})
    remark = WHOLE if own and not reports.evaluates else ""
    return reports.fatal(raised, remark).with_traceback(raised.__traceback__)


def _run(trainer: Trainer, module: LightningModule, windows: WindowLoader, val: Any, keeper: Keeper) -> None:
    newest = keeper.shelf.newest()
    keeper.signals.forward = private.children_signaller(trainer)
    with closing(windows), closing(val) if val is not None else nullcontext():
        trainer.fit(module, windows, val, ckpt_path=newest, weights_only=True)


def _trainer(parts: Parts, keeper: Keeper, *, own_module: bool) -> Trainer:
    theirs = [callback for callback in parts.callbacks if isinstance(callback, LightningCallback)]
    return make_trainer(
        parts.run,
        keeper.logs,
        [*theirs, Carrier(keeper)],
        [*(t for t in parts.trackers if isinstance(t, Logger)), TrackerLogger(keeper.session)],
        own_module=own_module,
    )


def _ranks(trainer: Trainer) -> Ranks:
    return lambda: (trainer.global_rank, trainer.world_size)


def _loop(trainer: Trainer, parts: Parts, keeper: Keeper, driver: Module | UserDriver) -> Loop:
    settings = parts.run.trainer
    return Loop(trainer, keeper.session, driver, keeper, (settings.min_epochs or 0, settings.min_steps or 0))


def _outcome(keeper: Keeper, trainer: Trainer) -> Outcome:
    session = keeper.session
    assert trainer.lightning_module is not None
    weights, leave = trainer.lightning_module.state_dict(), cast(Loop, trainer.fit_loop).leave
    if not keeper.begun:  # the fit was in processes that this one started and waited for
        content = load(Path(keeper.shelf.newest() or ""))
        session.restore(content["leyden"]["session"])
        weights = content["state_dict"]
        leave = keeper.signals.received
    finished = session.step >= session.plan.total_steps
    return Outcome(
        status="interrupted" if leave else "finished" if finished else "stopped",
        steps=session.step,
        epochs=session.step // session.plan.steps_per_epoch,
        metrics=dict(session.metrics),
        best=keeper.shelf.best(),
        seconds=keeper.seconds - keeper.seconds_before,
        weights_sha256=weights_sha256(weights),
        exit_code=leave,
        reason=session.reason,
    )
