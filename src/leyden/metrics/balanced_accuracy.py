"""Balanced accuracy: accuracy as if every class were equally frequent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._confusion import label_counts
from ._labels import require_labels
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("balanced_accuracy", runs_on=("torch",))
class BalancedAccuracy(Metric):
    """Mean recall of the classes that occur; equal to scikit-learn's.

    Args:
        ignore_index: samples (or positions) with this label are left out.

    Raises:
        UserError: targets that are no class labels.

    Example:
        {type: balanced_accuracy}
    """

    compares = ("classes",)

    def __init__(self, *, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        require_labels("balanced_accuracy", outputs, targets)
        return label_counts(
            "balanced_accuracy", outputs, targets, threshold=0.5, ignore_index=self.ignore_index
        )

    def compute(self, sums: np.ndarray, /) -> float:
        hits, _, true, _ = sums.reshape(4, -1)
        occurs = true > 0
        return float(np.mean(hits[occurs] / true[occurs])) if occurs.any() else float("nan")
