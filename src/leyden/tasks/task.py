"""The contract of tasks: how a batch meets a model, and which outputs are scored."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
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
