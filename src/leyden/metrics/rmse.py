"""Root mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._errors import errors, mean, sum_and_number
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("rmse", runs_on=("torch",))
class RootMeanSquaredError(Metric):
    """Square root of the mean of (output - target)^2 over all elements, in the targets' unit.

    The root is taken once, at the end: a mean of batches' roots would be another number. Several outputs are
    one population, not an average of one root each.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: rmse}
    """

    compares = ("numbers",)
    higher_is_better = False

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        return sum_and_number(errors("rmse", outputs, targets).square())

    def compute(self, sums: np.ndarray, /) -> float:
        return mean(sums) ** 0.5
