"""The contract of tasks: how a batch meets a model, and which outputs are scored."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from leyden.data.info import DataInfo
from leyden.losses.loss import Loss
from leyden.metrics.metric import Metric
from leyden.spec.parts import Kind

if TYPE_CHECKING:
    from torch import Tensor, nn

    Batch = Mapping[str, Tensor]

task = Kind("task")

#: kind of targets -> section of the run file -> what there is for them
FITTING = {
    "classes": {"loss": "cross_entropy, focal", "metrics": "accuracy, f1"},
    "labels": {"loss": "bce", "metrics": "accuracy, f1"},
    "numbers": {"loss": "mse, l1, huber", "metrics": "mse, mae, r2"},
}


@task.contract
class Task(ABC):
    """A kind of learning problem."""

    @property
    def targets_are(self) -> str:
        """``classes``, ``labels`` or ``numbers``, as in `Loss.compares`; empty where it is not known."""
        return ""

    @abstractmethod
    def num_outputs(self, info: DataInfo, /) -> int | None:
        """How many outputs a model needs; None where the model decides."""

    @abstractmethod
    def check(self, info: DataInfo, /) -> list[str]:
        """What does not fit between this task and the data; each a sentence with rule, value and repair."""

    def misfits(
        self, losses: Mapping[str, Loss | type[Loss]], metrics: Mapping[str, Metric | type[Metric]], /
    ) -> list[tuple[str, str]]:
        """Losses and metrics that cannot compare this task's targets, as (``loss.<name>``, sentence)."""
        parts = {f"loss.{name}": part for name, part in losses.items()}
        parts |= {f"metrics.{name}": part for name, part in metrics.items()}
        return [
            (
                key,
                f"{key} compares {' or '.join(part.compares)}, but this task's targets are "
                f"{self.targets_are}; use {FITTING[self.targets_are][key.partition('.')[0]]}, or another "
                "task",
            )
            for key, part in parts.items()
            if self.targets_are and part.compares and self.targets_are not in part.compares
        ]

    def forward(self, model: nn.Module, batch: Batch, /) -> Tensor:
        """Outputs of the model; ``mask`` (batch, time), true where valid, goes to models that take one."""
        if "mask" in batch and takes_mask(type(model)):
            return model(batch["input"], mask=batch["mask"])
        return model(batch["input"])

    def targets(self, batch: Batch, /) -> Tensor:
        """What losses and metrics compare the outputs with."""
        return batch["target"]

    @abstractmethod
    def predict(self, outputs: Tensor, classes: Sequence[str] = (), /) -> dict[str, Any]:
        """What `leyden predict` writes: one numpy array a name, first dimension the batch.

        ``classes`` are the names in label order, as in `DataInfo`; empty where there are none.
        """


@cache
def takes_mask(model: type[nn.Module]) -> bool:
    """Whether a model's forward has a parameter ``mask``."""
    return "mask" in inspect.signature(model.forward).parameters
