"""Lightning's Trainer for a run: the run file's settings, and those that our fit loop fixes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from leyden.spec.errors import UserError
from leyden.spec.run import Run

from . import lightning_private as private
from .refusals import REPLICATED, refusals

#: setting of the run file's trainer section -> who makes it so; a test holds this table complete
SETTINGS: dict[str, str] = {
    "max_epochs": "plan",
    "max_steps": "plan",
    "max_time": "keeper",
    "deadline": "watch",
    "min_epochs": "loop",
    "min_steps": "loop",
    "accelerator": "lightning",
    "devices": "lightning",
    "num_nodes": "lightning",
    "strategy": "lightning",
    "precision": "lightning",
    "sync_batchnorm": "lightning",
    "gradient_clip_val": "step",
    "gradient_clip_algorithm": "step",
    "non_finite": "guard",
    "deterministic": "lightning",
    "benchmark": "lightning",
    "detect_anomaly": "lightning",
    "compile": "module",
    "steps_per_call": "plan",
    "log_every_n_steps": "module",
    "check_val_every_n_epoch": "plan",
    "val_check_interval": "plan",
    "limit_train_batches": "plan",
    "limit_val_batches": "evaluation",
    "limit_test_batches": "evaluation",
    "fast_dev_run": "plan",
    "overfit_batches": "plan",
    "enable_progress_bar": "callbacks",
    "profiler": "lightning",
}


def device_kind(run: Run) -> str:
    """``cuda`` or ``cpu``."""
    wanted = run.trainer.accelerator
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return "cpu" if wanted == "cpu" else "cuda"


def make_trainer(
    run: Run,
    root: Path,
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
    *,
    own_module: bool = False,
    validates: bool = True,
) -> Trainer:
    """A Trainer whose loop is still Lightning's.

    Args:
        run: The run.
        root: Folder for whatever Lightning writes by itself.
        callbacks: Lightning's callbacks.
        loggers: Lightning's loggers.
        own_module: The model is a user's LightningModule, which keeps Lightning's own gradient reduction.
        validates: Whether the run has a validation; Lightning would take a module's own loader for one.

    Raises:
        UserError: A setting cannot be honoured.
    """
    if problems := refusals(run):
        raise UserError("\n".join(f"{key} {rule}" for key, rule in problems))
    if missing := _wants_gpu(run):
        raise UserError(missing)
    quiet()
    settings = run.trainer
    trainer = Trainer(
        accelerator=device_kind(run),
        devices=_devices(run),
        num_nodes=settings.num_nodes,
        strategy=_strategy(run, own_module),
        precision=settings.precision,
        sync_batchnorm=settings.sync_batchnorm,
        deterministic=settings.deterministic,
        benchmark=settings.benchmark,
        detect_anomaly=settings.detect_anomaly,
        profiler=_profiler(settings.profiler, root),
        log_every_n_steps=settings.log_every_n_steps,
        gradient_clip_val=settings.gradient_clip_val if own_module else None,
        gradient_clip_algorithm=settings.gradient_clip_algorithm if own_module else None,
        callbacks=list(callbacks),
        logger=list(loggers) or False,
        plugins=[SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else None,
        limit_val_batches=None if validates else 0,
        default_root_dir=str(root),
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        **FIXED,
    )
    private.leave_signals_alone(trainer)
    return trainer


#: warnings of Lightning that do not hold in our loop, or that only its authors can mend
NOT_SO = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"The number of training batches \(\d+\) is smaller than the logging interval",  # epochs' ends log, too
)

#: what the plan decides, or does without
FIXED: dict[str, Any] = {
    "max_epochs": -1,
    "max_steps": -1,
    "accumulate_grad_batches": 1,
    "val_check_interval": 1.0,
    "check_val_every_n_epoch": 1,
    "num_sanity_val_steps": 0,
    "reload_dataloaders_every_n_epochs": 0,
    "use_distributed_sampler": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def _wants_gpu(run: Run) -> str:
    """Which setting needs a GPU where there is none; empty if no setting does."""
    wanted, there = run.trainer, torch.cuda.is_available()
    if device_kind(run) == "cuda" and not there:
        return (
            f"trainer.accelerator: {wanted.accelerator} needs a GPU that torch can use, but there is none; "
            "write auto or cpu"
        )
    if device_kind(run) == "cpu" and wanted.precision == "16-mixed":
        return "trainer.precision: 16-mixed needs a GPU, but there is none; write bf16-mixed"
    if device_kind(run) == "cpu" and (wanted.devices == -1 or isinstance(wanted.devices, list)):
        return f"trainer.devices: {wanted.devices} are GPUs, but there is none; write how many processes"
    return ""


def _profiler(kind: str | None, folder: Path) -> Profiler | None:
    """The profiler of a name, whose findings go into a file: Lightning would log them where nobody looks."""
    # what was recorded of training is not to be dropped for what is recorded of validation
    kinds = {
        "simple": SimpleProfiler,
        "advanced": AdvancedProfiler,
        "pytorch": partial(PyTorchProfiler, acc_events=True),
    }
    return kinds[kind](dirpath=str(folder), filename="profile") if kind else None


def _devices(run: Run) -> Any:
    devices = run.trainer.devices
    if devices == "auto" and device_kind(run) == "cpu":
        return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun
    return devices


def _strategy(run: Run, own_module: bool) -> Any:
    """DDP without its wrapper where there may be several processes and the module is ours."""
    name, devices = run.trainer.strategy, _devices(run)
    several = run.trainer.num_nodes > 1 or not (
        devices == 1 or (isinstance(devices, list) and len(devices) == 1)
    )
    if devices in ("auto", -1):
        several = torch.cuda.device_count() > 1
    if own_module or name not in REPLICATED or not (several or name != "auto"):
        return name
    return private.Replicas(start_method=REPLICATED[name])  # pyright: ignore[reportArgumentType]


def quiet() -> None:
    """Lightning's tips and device lists are not the run's; its warnings stay."""
    for message in NOT_SO:
        warnings.filterwarnings("ignore", message=message)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(logging.WARNING)
        logging.getLogger(name).setLevel(logging.WARNING)
