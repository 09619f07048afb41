"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._errors import errors, mean, sum_and_number
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("mae", runs_on=("torch",))
class MeanAbsoluteError(Metric):
    """Mean of |output - target| over all elements, in the targets' unit.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: mae}
    """

    compares = ("numbers",)
    higher_is_better = False

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        return sum_and_number(errors("mae", outputs, targets).abs())

    def compute(self, sums: np.ndarray, /) -> float:
        return mean(sums)
