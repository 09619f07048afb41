"""Focal loss: cross-entropy that turns away from what is already right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ._class_weights import ClassWeights
from ._precision import full_precision
from ._shapes import require_labels
from .loss import Loss, loss

if TYPE_CHECKING:
    from torch import Tensor

NonNegative = Annotated[float, Field(ge=0)]


@loss("focal", runs_on=("torch",))
class Focal(Loss):
    """Cross-entropy times (1 - p)^gamma, p the true class's probability (Lin et al., arXiv:1708.02002).

    p is the plain softmax, without weights or smoothing. Divided by the class weights of the labels, so that
    gamma 0 is `cross_entropy` exactly.

    Args:
        class_counts: samples of every class in the training data, in label order; what ``balanced`` needs.
        gamma: how strongly confident samples are discounted; a list sets one for each true class.
        class_weight: one weight (alpha) a class in label order, or ``balanced``: N / (C n_c).
        label_smoothing: share of the target that is spread evenly over all classes.
        ignore_index: samples (or positions) with this label are left out.

    Raises:
        UserError: shapes that do not fit, weights or gammas that do not fit the classes.

    Example:
        {type: focal, gamma: 2.0}
    """

    compares = ("classes",)

    def __init__(
        self,
        class_counts: Sequence[int] = (),
        /,
        *,
        gamma: NonNegative | list[NonNegative] = 2.0,
        class_weight: list[NonNegative] | Literal["balanced"] | None = None,
        label_smoothing: Annotated[float, Field(ge=0, le=1)] = 0.0,
        ignore_index: int = -100,
    ) -> None:
        self.gamma = 0.0 if isinstance(gamma, list) else gamma
        self.gammas = ClassWeights(gamma if isinstance(gamma, list) else None, class_counts, setting="gamma")
        self.weights = ClassWeights(class_weight, class_counts)
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        import torch
        from torch.nn.functional import cross_entropy

        outputs, targets = (
            full_precision(outputs),
            targets.long() if not targets.is_floating_point() else targets,
        )
        require_labels("focal", outputs, targets)
        base = cross_entropy(
            outputs,
            targets,
            weight=self.weights.beside(outputs),
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        known = targets.masked_fill(targets == self.ignore_index, 0)
        log_p = outputs.log_softmax(1).gather(1, known.unsqueeze(1)).squeeze(1)
        # 1 - p without cancellation; the floor keeps the slope of a power below one finite at p = 1
        missing = (-torch.expm1(log_p)).clamp_min(torch.finfo(outputs.dtype).tiny)
        gammas = self.gammas.beside(outputs)
        return (missing ** (self.gamma if gammas is None else gammas[known]) * base).sum()

    def count(self, targets: Tensor, /) -> Tensor:
        return self.weights.count(targets.long(), self.ignore_index)
