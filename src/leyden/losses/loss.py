"""The contract of loss terms: a sum, and the count to divide it by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from leyden.spec.parts import Kind

if TYPE_CHECKING:
    from torch import Tensor

loss = Kind("loss", machinery=("objective",))


@loss.contract
class Loss(ABC):
    """A differentiable term. The mean over a whole optimizer step is sum / count, however the step is cut."""

    #: what targets must be: ``classes`` (one integer a sample), ``labels`` (a 0 or 1 for each output) or
    #: ``numbers``; anything where it is empty
    compares: tuple[str, ...] = ()

    @abstractmethod
    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        """The loss summed over every element that counts, a scalar. ``outputs`` is (batch, ...)."""

    @abstractmethod
    def count(self, targets: Tensor, /) -> Tensor | int:
        """How much the elements count together. A function of the targets: known before the forward pass."""

    def __call__(self, outputs: Tensor, targets: Tensor, /) -> tuple[Tensor, Tensor | int]:
        """(sum, count)."""
        return self.total(outputs, targets), self.count(targets)
