"""The contract of export formats, and the trained model that they are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from leyden.spec.errors import UserError

#: an exported model that was read back: inputs by name, first dimension the batch, to outputs
Reader = Callable[[Mapping[str, np.ndarray]], np.ndarray]


#: how a model meets a batch, as a task says it
Meet = Callable[[nn.Module, Mapping[str, Tensor]], Tensor]


class ExportError(UserError):
    """The model cannot be written in a format, or the file written does not compute what the model does."""


class Served(nn.Module):
    """A model as a task meets it: tensors by position, in the order of ``names``, to outputs."""

    def __init__(
        self,
        model: nn.Module,
        names: tuple[str, ...],
        meet: Meet,
    ) -> None:
        super().__init__()
        self.model = model
        self.names = names
        self.meet = meet

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.meet(self.model, dict(zip(self.names, inputs, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Exportable:
    """A trained model in evaluation mode on the CPU, real samples to try it with, and what readers must know.

    Args:
        model: Takes the tensors of ``samples`` and returns the outputs, first dimension the batch.
        fresh: Makes the same model with other weights.
        samples: Input name -> (samples, ...), at least two real ones, as they leave the run's transforms.
        metadata: Plain text by name: the resolved run, the inputs, the classes; goes into the file.
    """

    model: Served
    fresh: Callable[[], nn.Module]
    samples: dict[str, Tensor]
    metadata: dict[str, str]


class Format(ABC):
    """One way to write a model down."""

    suffix: str

    @abstractmethod
    def save(self, thing: Exportable, path: Path, /) -> None:
        """Write the model for batches of any size.

        Raises:
            ExportError: The model does something that the format cannot express.
        """

    @abstractmethod
    def read(self, path: Path, thing: Exportable, /) -> Reader:
        """The model in the file; from ``thing`` is taken only what the format leaves out, never weights."""
