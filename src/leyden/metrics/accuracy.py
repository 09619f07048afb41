"""Accuracy: the share of samples that are predicted right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from leyden.spec.errors import UserError

from ._confusion import Threshold
from ._labels import is_multi_label, logit, require_labels
from .metric import Metric, metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("accuracy", runs_on=("torch",))
class Accuracy(Metric):
    """The share of samples (or positions) whose true class is among the ``top_k`` largest logits.

    Where targets hold one 0 or 1 for each output, a sample is right if all its labels are, as in
    scikit-learn.

    Args:
        top_k: how many guesses a sample has.
        threshold: probability from which on an independent label is predicted.
        ignore_index: samples (or positions) with this label are left out.

    Raises:
        UserError: shapes that do not fit, more guesses than classes.

    Example:
        {type: accuracy, top_k: 5}
    """

    compares = ("classes", "labels")

    def __init__(
        self,
        *,
        top_k: Annotated[int, Field(ge=1)] = 1,
        threshold: Threshold = 0.5,
        ignore_index: int = -100,
    ) -> None:
        self.top_k = top_k
        self.threshold = threshold
        self.ignore_index = ignore_index

    def sums(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        import torch

        if is_multi_label(outputs, targets):
            self._refuse_guesses()
            right = ((outputs > logit(self.threshold)) == (targets > 0)).flatten(1 if outputs.ndim > 1 else 0)
            hits = right.all(1) if right.ndim > 1 else right
            counted = torch.ones_like(hits)
        else:
            require_labels("accuracy", outputs, targets)
            counted = targets != self.ignore_index
            hits = self._found(outputs, targets) & counted
        return torch.stack([hits.flatten(), counted.flatten()]).sum(1, dtype=torch.float64)

    def compute(self, sums: np.ndarray, /) -> float:
        hits, seen = sums
        return float(hits / seen) if seen else float("nan")

    def _found(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Whether the true class is among the guesses, (batch, ...)."""
        if self.top_k == 1:
            return outputs.argmax(1) == targets
        if self.top_k > outputs.shape[1]:
            raise UserError(
                f"top_k must be at most the number of classes, but is {self.top_k} for {outputs.shape[1]}; "
                "lower it"
            )
        return (outputs.topk(self.top_k, dim=1).indices == targets.unsqueeze(1)).any(1)

    def _refuse_guesses(self) -> None:
        if self.top_k > 1:
            raise UserError(
                "top_k asks for one true class a sample, but the targets hold a 0 or 1 for every output; "
                f"remove `top_k: {self.top_k}`"
            )
