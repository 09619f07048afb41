"""The contract of tasks: how a batch meets a model, and which outputs are scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leyden.data.info import DataInfo
from leyden.spec.parts import Kind

if TYPE_CHECKING:
    from torch import Tensor, nn

    Batch = Mapping[str, Tensor]

task = Kind("task")


@task.contract
class Task(ABC):
    """A kind of learning problem."""

    @abstractmethod
    def num_outputs(self, info: DataInfo, /) -> int | None:
        """How many outputs a model needs; None where the model decides."""

    @abstractmethod
    def check(self, info: DataInfo, /) -> list[str]:
        """What does not fit between this task and the data; each a sentence with rule, value and repair."""

    def forward(self, model: nn.Module, batch: Batch, /) -> Tensor:
        """Outputs of the model for a batch."""
        return model(batch["input"])

    def targets(self, batch: Batch, /) -> Tensor:
        """What losses and metrics compare the outputs with."""
        return batch["target"]

    @abstractmethod
    def predict(self, outputs: Tensor, /) -> dict[str, Any]:
        """What `leyden predict` writes: one column (or array) a name, first dimension the batch."""
