"""Mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._errors import errors, mean, sum_and_number
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("mse", runs_on=("torch",))
class MeanSquaredError(Metric):
    """Mean of (output - target)^2 over all elements, in the targets' unit squared.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: mse}
    """

    compares = ("numbers",)
    higher_is_better = False

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        return sum_and_number(errors("mse", outputs, targets).square())

    def compute(self, sums: np.ndarray, /) -> float:
        return mean(sums)
