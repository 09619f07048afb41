"""A run without a run file, for benchmarks that measure the training loop alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.data.info import DataInfo
from leyden.data.plan import Plan
from leyden.data.samplers.shuffle import Shuffle
from leyden.data.sources.source import Batch, Sample, Source
from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.objective import Objective
from leyden.metrics.accuracy import Accuracy
from leyden.schedules.schedule import Horizon
from leyden.spec.durations import Duration
from leyden.spec.sections import Checkpoint
from leyden.spec.trainer import Trainer
from leyden.tasks.classification import Classification


class Arrays(Source):
    """Two arrays in memory."""

    in_memory = True

    def __init__(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int, /) -> Sample:
        return {"input": self.inputs[index], "target": self.targets[index]}

    def gather(self, indices: np.ndarray, /) -> Batch:
        return {"input": self.inputs[indices], "target": self.targets[indices]}

    def info(self) -> DataInfo:
        return DataInfo(num_samples=len(self))

    def fingerprint(self) -> str:
        return ""


class Settings:
    """The sections of a run file that the torch backend reads."""

    def __init__(self, trainer: Trainer, batch_size: int) -> None:
        self.trainer = trainer
        self.checkpoint = Checkpoint(every=Duration(100, "%"))  # saving is not the loop's
        self.ema = None
        self.data = Data(batch_size)
        self.model = SimpleNamespace(part=SimpleNamespace(foreign=False))  # made here, not named in a file

    def tree(self) -> dict[str, Any]:
        """Nothing to note."""
        return {}


class Data:
    """The section ``data``, as it is by default."""

    micro_batch_size = "auto"
    eval_batch_size = None
    num_workers = 0
    prefetch_factor = None
    persistent_workers = None
    pin_memory = True

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size


def parts_of(
    inputs: np.ndarray,
    targets: np.ndarray,
    model: Callable[[], nn.Module],
    batch_size: int,
    epochs: int,
    steps_per_call: int,
    callbacks: list[Any],
) -> Parts:
    """A classification without validation; loss and accuracy are measured in every step."""
    from leyden.trackers.csv import Csv

    source = Arrays(inputs, targets)
    plan = Plan(samples=len(source), batch_size=batch_size, max_epochs=epochs, steps_per_call=steps_per_call)
    horizon = Horizon(steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
    settings: Any = Settings(
        Trainer(
            max_epochs=epochs, accelerator="cpu", steps_per_call=steps_per_call, enable_progress_bar=False
        ),
        batch_size,
    )
    return Parts(
        run=settings,
        repeat=0,
        seed=0,
        train=Dataset(source),
        val=None,
        test=None,
        info=source.info(),
        plan=plan,
        sampler=Shuffle(),
        task=Classification(num_classes=10),
        objective=Objective({"ce": CrossEntropy()}, {}, horizon),
        metrics={"accuracy": Accuracy()},
        make_model=model,
        make_optimizer=lambda module: torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True),
        schedules={},
        callbacks=callbacks,
        trackers=[Csv()],
    )
