"""Cross-entropy of class labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ._class_weights import ClassWeights
from ._precision import full_precision
from ._shapes import require_labels, require_same_shape
from .loss import Loss, loss

if TYPE_CHECKING:
    from torch import Tensor


@loss("cross_entropy", runs_on=("torch",))
class CrossEntropy(Loss):
    """Cross-entropy between logits (batch, classes, ...) and labels (batch, ...), as torch defines it.

    With class weights the sum is divided by the weights of the labels, as torch does. Targets of a floating
    type and the outputs' shape are read as one probability a class; those are divided by their number, and
    none is ignored.

    Args:
        class_counts: samples of every class in the training data, in label order; what ``balanced`` needs.
        class_weight: one weight a class in label order, or ``balanced``: rarer ones weigh more, N / (C n_c).
        label_smoothing: share of the target that is spread evenly over all classes.
        ignore_index: samples (or positions) with this label are left out.

    Raises:
        UserError: shapes that do not fit, weights that do not fit the classes.

    Example:
        {type: cross_entropy, label_smoothing: 0.05}
    """

    compares = ("classes",)

    def __init__(
        self,
        class_counts: Sequence[int] = (),
        /,
        *,
        class_weight: list[Annotated[float, Field(ge=0)]] | Literal["balanced"] | None = None,
        label_smoothing: Annotated[float, Field(ge=0, le=1)] = 0.0,
        ignore_index: int = -100,
    ) -> None:
        self.weights = ClassWeights(class_weight, class_counts)
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        from torch.nn.functional import cross_entropy

        outputs = full_precision(outputs)
        if targets.is_floating_point() and targets.ndim == outputs.ndim:
            require_same_shape("cross_entropy with probabilities", outputs, targets)
            targets = targets.to(outputs.dtype)
        else:
            require_labels("cross_entropy", outputs, targets)
            targets = targets.long()
        return cross_entropy(
            outputs,
            targets,
            weight=self.weights.beside(outputs),
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )

    def count(self, targets: Tensor, /) -> Tensor | int:
        if targets.is_floating_point() and targets.ndim > 1:
            return targets.numel() // targets.shape[1]
        return self.weights.count(targets.long(), self.ignore_index)
