"""What a backend is given: every part of a run, validated and built, and the functions that make the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leyden.callbacks.callback import Callback
from leyden.data.info import DataInfo
from leyden.data.plan import Plan
from leyden.data.samplers.sampler import Sampler
from leyden.metrics.metric import Metric
from leyden.schedules.schedule import Schedule
from leyden.tasks.task import Task
from leyden.trackers.tracker import Tracker

if TYPE_CHECKING:
    from leyden.data.dataset import Dataset
    from leyden.losses.objective import Objective
    from leyden.spec.run import Run


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that one repeat of a run needs; models and optimizers come as functions.

    ``make_model`` is called under the init stream of ``seed``. Where the model is a user's own
    ``LightningModule``, its own steps and optimizers are used, and ``objective``, ``metrics`` and
    ``make_optimizer`` are left aside.
    """

    run: Run
    repeat: int
    seed: int  # run.seed + repeat
    train: Dataset
    val: Dataset | None
    test: Dataset | None
    info: DataInfo
    plan: Plan
    sampler: Sampler
    task: Task
    objective: Objective
    metrics: dict[str, Metric]
    make_model: Callable[[], Any]  # () -> torch.nn.Module
    make_optimizer: Callable[[Any], Any]  # (torch.nn.Module) -> torch.optim.Optimizer
    schedules: dict[str, Schedule]  # target ("lr") -> schedule
    callbacks: list[Callback | Any]  # ours, and any lightning.pytorch.Callback
    trackers: list[Tracker | Any]  # ours, and any lightning.pytorch.loggers.Logger
