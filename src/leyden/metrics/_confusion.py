"""Counts of hits, predictions and true labels by class: what accuracy-like scores are quotients of."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.spec.errors import UserError

from ._labels import is_multi_label, logit, require_labels
from .metric import Metric

if TYPE_CHECKING:
    from torch import Tensor

Average = Literal["macro", "weighted", "micro", "binary"]
Threshold = Annotated[float, Field(gt=0, lt=1)]


def label_counts(
    name: str, outputs: Tensor, targets: Tensor, *, threshold: float, ignore_index: int
) -> Tensor:
    """Counts (4 * classes,): hits, predicted, true, judged; one row of classes after the other.

    A class is judged in every sample where labels are independent, else in those where it is true or
    predicted: so the last row tells which classes a macro average is over, as in scikit-learn.
    """
    import torch

    if is_multi_label(outputs, targets):
        true, predicted = targets > 0.5, outputs > logit(threshold)
        if true.ndim == 1:
            true, predicted = true.unsqueeze(1), predicted.unsqueeze(1)
        judged = torch.ones_like(true)
    else:
        require_labels(name, outputs, targets)
        # comparing with every class takes less memory than the logits; bincount would wait for the device
        classes = torch.arange(outputs.shape[1], device=outputs.device).view(-1, *[1] * (outputs.ndim - 2))
        counted = (targets != ignore_index).unsqueeze(1)
        true = targets.unsqueeze(1) == classes
        predicted = (outputs.argmax(1, keepdim=True) == classes) & counted
        true = true & counted
        judged = true | predicted
    rows = torch.stack([true & predicted, predicted, true, judged])  # (4, batch, classes, ...)
    return rows.transpose(1, 2).flatten(2).sum(2, dtype=torch.float64).flatten()


class LabelScore(Metric):
    """A score of each class from its counts, averaged over classes. Base of f1, precision and recall."""

    compares = ("classes", "labels")

    def __init__(
        self, *, average: Average = "macro", threshold: Threshold = 0.5, ignore_index: int = -100
    ) -> None:
        self.average = average
        self.threshold = threshold
        self.ignore_index = ignore_index

    @abstractmethod
    def score(self, hits: np.ndarray, predicted: np.ndarray, true: np.ndarray, /) -> np.ndarray:
        """The score from counts of one shape; 0 where it is 0 / 0."""

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        name = type(self).__name__.lower()
        return label_counts(name, outputs, targets, threshold=self.threshold, ignore_index=self.ignore_index)

    def compute(self, sums: np.ndarray, /) -> float:
        hits, predicted, true, judged = sums.reshape(4, -1)
        if not judged.any():
            return float("nan")
        if self.average == "micro":
            return float(self.score(hits.sum(), predicted.sum(), true.sum()))
        if self.average == "binary":
            return float(self.score(hits, predicted, true)[self._positive(len(hits))])
        scores = self.score(hits, predicted, true)
        weights = true if self.average == "weighted" else judged > 0
        return float(quotient(np.asarray(np.sum(scores * weights)), np.asarray(np.sum(weights))))

    def _positive(self, classes: int) -> int:
        if classes > 2:
            raise UserError(
                f"average: binary scores class 1 of two, but the model has {classes} outputs; "
                "use macro, weighted or micro"
            )
        return classes - 1


def quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, 0 where the denominator is."""
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1.0), 0.0)
