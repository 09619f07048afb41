"""Huber loss: squared near zero, absolute beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ._precision import full_precision
from ._shapes import require_same_shape
from .loss import Loss, loss

if TYPE_CHECKING:
    from torch import Tensor


@loss("huber", runs_on=("torch",))
class Huber(Loss):
    """Half the squared error up to ``delta``, then a straight line: outliers pull with a bounded force.

    With e = |output - target|: e^2 / 2 where e <= delta, else delta (e - delta / 2), over all elements.

    Args:
        delta: the error, in the targets' unit, from which on the loss grows linearly.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: huber, delta: 0.5}
    """

    compares = ("numbers", "labels")

    def __init__(self, *, delta: Annotated[float, Field(gt=0)] = 1.0) -> None:
        self.delta = delta

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        from torch.nn.functional import huber_loss

        require_same_shape("huber", outputs, targets)
        outputs = full_precision(outputs)
        return huber_loss(outputs, targets.to(outputs.dtype), delta=self.delta, reduction="sum")

    def count(self, targets: Tensor, /) -> int:
        return targets.numel()
