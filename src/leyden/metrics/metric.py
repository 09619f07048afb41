"""The contract of metrics: sums that add over batches and ranks, and one number from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from leyden.spec.parts import Kind

if TYPE_CHECKING:
    from torch import Tensor

metric = Kind("metric")


@metric.contract
class Metric(ABC):
    """Measured, never minimised. Exact on ragged batches and any number of devices: only sums travel."""

    higher_is_better: bool = True
    #: what targets must be: ``classes`` (one integer a sample), ``labels`` (a 0 or 1 for each output) or
    #: ``numbers``; anything where it is empty
    compares: tuple[str, ...] = ()

    @abstractmethod
    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        """Additive statistics of one batch: a 1-d float64 tensor of fixed length, on the outputs' device."""

    @abstractmethod
    def compute(self, sums: np.ndarray, /) -> float:
        """The metric from the added-up statistics; NaN where nothing was seen."""
