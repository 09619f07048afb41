"""Binary cross-entropy of yes-or-no labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ._class_weights import ClassWeights
from ._precision import full_precision
from ._shapes import require_same_shape
from .loss import Loss, loss

if TYPE_CHECKING:
    from torch import Tensor

Positive = Annotated[float, Field(gt=0)]


@loss("bce", runs_on=("torch",))
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy between logits and zeros and ones of one shape, (batch,) or (batch, labels, ...).

    Each label is judged for itself, so any number of them can hold at once. The mean is over all elements, as
    torch's.

    Args:
        pos_weight: how much a one counts beside a zero; a list sets it for each label.

    Raises:
        UserError: shapes that differ, a list that does not fit the labels.

    Example:
        {type: bce, pos_weight: 3.0}
    """

    compares = ("labels", "numbers")

    def __init__(self, *, pos_weight: Positive | list[Positive] | None = None) -> None:
        self.pos_weight = pos_weight
        self.weights = ClassWeights(
            pos_weight if isinstance(pos_weight, list) else None, (), setting="pos_weight"
        )

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        require_same_shape("bce", outputs, targets)
        outputs = full_precision(outputs)
        return binary_cross_entropy_with_logits(
            outputs, targets.to(outputs.dtype), pos_weight=self._weight_of_ones(outputs), reduction="sum"
        )

    def count(self, targets: Tensor, /) -> int:
        return targets.numel()

    def _weight_of_ones(self, outputs: Tensor) -> Tensor | None:
        """Broadcastable to the outputs: a scalar, or one number a label, which is dimension 1."""
        if self.pos_weight is None:
            return None
        if not isinstance(self.pos_weight, list):
            return outputs.new_full((), self.pos_weight)
        by_label = self.weights.beside(outputs if outputs.ndim > 1 else outputs.unsqueeze(1))
        assert by_label is not None
        return by_label.view(-1, *[1] * (outputs.ndim - 2))
