"""R squared: the share of the targets' variance that is explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._errors import errors
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor

#: A sum of squares about the mean that is smaller than this share of the plain one is rounding, not variance.
ROUNDING = 1e-13


@metric("r2", runs_on=("torch",))
class RSquared(Metric):
    """1 - squared errors / squared distances of the targets from their mean, averaged over outputs.

    1 is perfect, 0 no better than the mean, below 0 worse. NaN where targets do not vary or are fewer than
    two. Squares add up in float64 about zero, which keeps 6 digits while the mean is below 10,000 standard
    deviations.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: r2}
    """

    compares = ("numbers",)

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        import torch

        error = errors("r2", outputs, targets).flatten(1 if outputs.ndim > 1 else 0)
        true = targets.double().reshape(error.shape)
        if error.ndim == 1:
            error, true = error.unsqueeze(1), true.unsqueeze(1)
        seen = torch.full_like(true.sum(0), true.shape[0])
        return torch.cat([error.square().sum(0), true.sum(0), true.square().sum(0), seen])  # (4 * outputs,)

    def compute(self, sums: np.ndarray, /) -> float:
        squared_error, total, squares, seen = sums.reshape(4, -1)
        if not seen.all():
            return float("nan")
        spread = squares - total**2 / seen
        varies = (spread > ROUNDING * squares) & (seen > 1)
        return float(np.mean(np.where(varies, 1.0 - squared_error / np.where(varies, spread, 1.0), np.nan)))
