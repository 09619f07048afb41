"""Every private name of Lightning that Leyden touches; nothing else in this package names one.

Lightning's ``Trainer`` is kept and its fit loop replaced, so its counters are assigned, its hooks called in
its order, and a few connectors told what happened. ``tests/backends/torch/test_lightning_private.py`` asserts
that each name exists.
"""

from __future__ import annotations

import pickle
import random
import signal
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loops import _FitLoop
from lightning.pytorch.overrides.distributed import _sync_module_states
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher, _SubprocessScriptLauncher
from lightning.pytorch.trainer import call
from lightning.pytorch.utilities.model_helpers import is_overridden

from . import children
from .signals import held_back

FitLoop = _FitLoop

Result = TypeVar("Result")

#: hooks of one training batch; a callback that overrides one makes the loop call all of them for every window
BATCH_HOOKS = ("on_train_batch_start", "on_train_batch_end")

#: object -> private names used of it; the contract test walks this table
NAMES: dict[str, tuple[str, ...]] = {
    "trainer": (
        "_logger_connector",
        "_signal_connector.register_signal_handlers",
        "_checkpoint_connector.dump_checkpoint",
    ),
    "trainer._logger_connector": (
        "_first_loop_iter",
        "on_batch_start",
        "on_batch_end",
        "update_train_step_metrics",
        "epoch_end_reached",
        "on_epoch_end",
        "update_train_epoch_metrics",
    ),
    "loop": (
        "_combined_loader",
        "_can_stop_early",
        "_warn_if_modules_in_eval_mode",
        "setup_data",
        "max_batches",
        "epoch_progress.total",
        "epoch_progress.current",
        "epoch_loop._batches_that_stepped",
        "epoch_loop.batch_progress.is_last_batch",
        "epoch_loop.manual_optimization.optim_step_progress.total",
        "epoch_loop.automatic_optimization.optim_progress.optimizer.step.total",
        "epoch_loop.automatic_optimization.run",
        "epoch_loop.update_lr_schedulers",
        "epoch_loop.val_loop.run",
        "epoch_loop.val_loop.setup_data",
    ),
    "call": (
        "_call_callback_hooks",
        "_call_lightning_module_hook",
        "_call_strategy_hook",
    ),
    "module": ("_on_before_batch_transfer",),
    "strategy": ("_setup_model", "_register_ddp_hooks", "_launcher"),
    "launcher": ("_call_children_scripts",),
}


class Replicas(DDPStrategy):
    """DDP's processes and groups without its wrapper: the step reduces gradients itself, after a vote."""

    def _setup_model(self, model: Any) -> Any:
        _sync_module_states(model)  # rank 0's weights and buffers
        return model

    def _register_ddp_hooks(self) -> None:
        """No reducer, so no communication hook."""


def leave_signals_alone(trainer: Trainer) -> None:
    """Keep Lightning from taking SIGTERM: its handler communicates, and the process exits with 0."""
    cast(Any, trainer)._signal_connector.register_signal_handlers = lambda: None


def launch(trainer: Trainer, work: Callable[[], Result]) -> Result:
    """Call ``work`` in every process of the run; those that nobody has started yet are started here.

    Lightning would start them anew in every fit, and lose the type of an error that ends one. What ``work``
    gives must be plain: with processes that are forked and joined it comes from that of rank 0.
    """
    launcher = take_launcher(trainer)
    if launcher is None:
        return work()
    if isinstance(launcher, _SubprocessScriptLauncher):
        start: Callable[[], None] = launcher._call_children_scripts

        def start_deaf() -> None:
            with held_back():  # until they have handlers
                start()
            children.remember(launcher.procs)
            launcher.procs = []  # or Lightning kills this process for what befalls them

        launcher._call_children_scripts = start_deaf
        return launcher.launch(work)
    seeded = random.getstate()

    def member() -> bytes:
        random.setstate(seeded)  # Python seeds it anew in every forked process
        return pickle.dumps(work())

    return pickle.loads(launcher.launch(member))


def take_launcher(trainer: Trainer) -> Any:
    """What would start processes in a fit of the trainer; it has none any more."""
    strategy: Any = trainer.strategy
    launcher, strategy._launcher = strategy.launcher, None
    return launcher


def children_signaller(trainer: Trainer) -> Callable[[int], None]:
    """What passes a signal on to processes that only wait to be joined; nothing where there are none.

    Where Lightning starts the same program again, this process is rank 0, and the vote tells the others.
    """
    launcher = trainer.strategy.launcher
    if isinstance(launcher, _MultiProcessingLauncher):
        return lambda number: launcher.kill(signal.Signals(number))
    return lambda number: None


def meet(trainer: Trainer) -> None:
    """Let the processes of the run find each other, which the trainer would do later."""
    strategy: Any = trainer.strategy
    strategy.setup_environment()
    strategy.setup_environment = lambda: None


def dump(trainer: Trainer) -> dict[str, Any]:
    """A checkpoint in Lightning's layout. To be called on all ranks: sharded strategies gather in it."""
    return cast(Any, trainer)._checkpoint_connector.dump_checkpoint(weights_only=False)


def watches_batches(callbacks: Iterable[Callback]) -> bool:
    """Whether any callback has a hook that runs for every window."""
    return any(is_overridden(name, callback, Callback) for callback in callbacks for name in BATCH_HOOKS)


def listens(trainer: Trainer, name: str) -> bool:
    """Whether a callback or the module has a hook of this name."""
    if any(is_overridden(name, callback, Callback) for callback in cast(Any, trainer).callbacks):
        return True
    return is_overridden(name, trainer.lightning_module, LightningModule)


def watches_nothing(trainer: Trainer) -> bool:
    """Whether no profiler measures the loop's actions."""
    return isinstance(cast(Any, trainer).profiler, PassThroughProfiler)


def callback_hooks(trainer: Trainer, name: str, *args: Any, monitoring: bool | None = None) -> None:
    """Call a hook of every callback; ``monitoring`` picks those that watch a metric, or the others."""
    call._call_callback_hooks(trainer, name, *args, monitoring_callbacks=monitoring)


def module_hook(trainer: Trainer, name: str, *args: Any) -> Any:
    """Call a hook of the module."""
    return call._call_lightning_module_hook(trainer, name, *args)


def strategy_hook(trainer: Trainer, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a hook of the strategy."""
    return call._call_strategy_hook(trainer, name, *args, **kwargs)


def hooks(trainer: Trainer, name: str, *args: Any) -> Any:
    """Call a hook of the callbacks, then of the module, as Lightning does; returns what the module's gave."""
    callback_hooks(trainer, name, *args)
    return module_hook(trainer, name, *args)


def start_validation_data(loop: Any) -> None:
    """Ask for the validation loader before training, so that callbacks can read its length."""
    trainer = loop.trainer
    if trainer.enable_validation:
        trainer.validating = True
        loop.epoch_loop.val_loop.setup_data()
        trainer.training = True


def validate(loop: Any) -> None:
    """Run Lightning's evaluation loop inside training; the logger connector stays in its epoch."""
    trainer = loop.trainer
    if not trainer.enable_validation:
        return
    connector = trainer._logger_connector
    first = connector._first_loop_iter
    trainer.validating = True
    module_hook(trainer, "on_validation_model_zero_grad")
    loop.epoch_loop.val_loop.run()
    trainer.training = True
    connector._first_loop_iter = first


def to_device(trainer: Trainer, batch: Any) -> Any:
    """A batch the way a user's module gets it: converted, through its transfer hooks, on the device."""
    module: Any = trainer.lightning_module
    batch = trainer.precision_plugin.convert_input(batch)
    batch = module._on_before_batch_transfer(batch, dataloader_idx=0)
    return strategy_hook(trainer, "batch_to_device", batch, dataloader_idx=0)


def automatic_step(loop: Any, batch: Any, index: int) -> Any:
    """One optimizer step of a module with automatic optimisation."""
    trainer = loop.trainer
    kwargs = {"batch": batch, "batch_idx": index}
    if len(_arguments(trainer.lightning_module)) < 2:
        del kwargs["batch_idx"]
    if trainer.lightning_module.automatic_optimization:
        output = loop.epoch_loop.automatic_optimization.run(trainer.optimizers[0], index, kwargs)
    else:
        output = loop.epoch_loop.manual_optimization.run(kwargs)
    loop.epoch_loop.batch_progress.current.ready = index + 1  # what schedulers count
    return output


def _arguments(module: LightningModule) -> list[str]:
    import inspect

    return list(inspect.signature(module.training_step).parameters)


def step_schedulers(loop: Any, interval: str, *, plateau: bool) -> None:
    """Advance the schedulers that a user's module configured.

    Args:
        loop: The fit loop.
        interval: Those that move every ``step``, or every ``epoch``.
        plateau: Those that follow a metric, or the others.
    """
    loop.epoch_loop.update_lr_schedulers(interval, update_plateau_schedulers=plateau)


def batch_started(trainer: Trainer, batch: Any) -> None:
    """Tell the logger connector that a batch begins, so that ``self.log`` works in its hooks."""
    cast(Any, trainer)._logger_connector.on_batch_start(batch)


def batch_ended(loop: Any, step: int) -> None:
    """Tell the logger connector that a batch is over; every so many steps it hands on values."""
    connector = loop.trainer._logger_connector
    connector.on_batch_end()
    loop.epoch_loop._batches_that_stepped = step - 1  # Lightning counts a step only after it was logged
    connector.update_train_step_metrics()
    loop.epoch_loop._batches_that_stepped = step


def epoch_ended(trainer: Trainer) -> None:
    """Call the hooks of an epoch's end in Lightning's order: those that watch a metric come last."""
    connector = cast(Any, trainer)._logger_connector
    connector.epoch_end_reached()
    callback_hooks(trainer, "on_train_epoch_end", monitoring=False)
    module_hook(trainer, "on_train_epoch_end")
    callback_hooks(trainer, "on_train_epoch_end", monitoring=True)
    connector.on_epoch_end()
    connector.update_train_epoch_metrics()


def place(loop: Any, *, epoch: int, windows_done: int, windows: int, step: int, total_windows: int) -> None:
    """Assign what ``trainer.current_epoch``, ``.global_step``, ``.is_last_batch`` and loggers read.

    Args:
        loop: The fit loop.
        epoch: The epoch that is running.
        windows_done: Windows of this epoch that are done.
        windows: Windows of this epoch.
        step: Optimizer steps done; the x axis of every Lightning logger.
        total_windows: Windows of the run that are done.
    """
    inner = loop.epoch_loop
    for progress in (loop.epoch_progress.total, loop.epoch_progress.current):
        progress.ready = progress.started = epoch + 1
        progress.processed = progress.completed = epoch
    for progress, count in (
        (inner.batch_progress.total, total_windows),
        (inner.batch_progress.current, windows_done),
    ):
        progress.ready = progress.started = progress.processed = progress.completed = count
    inner.batch_progress.is_last_batch = windows_done == windows
    loop.max_batches = windows
    place_step(loop, step)


def place_step(loop: Any, step: int) -> None:
    """Assign the counters of optimizer steps alone."""
    inner = loop.epoch_loop
    inner._batches_that_stepped = step
    total = inner.manual_optimization.optim_step_progress.total
    total.ready = total.completed = step
    total = inner.automatic_optimization.optim_progress.optimizer.step.total
    total.ready = total.completed = step


def finish_epochs(loop: Any, epochs: int) -> None:
    """At the end of a run ``trainer.current_epoch`` is the number of completed epochs."""
    progress = loop.epoch_progress.current
    progress.processed = progress.completed = epochs


def train_loader(loop: Any) -> Any:
    """The loader that the trainer was given, asked for once."""
    loop.setup_data()
    return loop._combined_loader.flattened[0]


def grad_enabled() -> None:
    """Evaluation loops of an earlier call may have left gradients off."""
    torch.set_grad_enabled(True)
