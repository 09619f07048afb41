"""Mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._precision import full_precision
from ._shapes import require_same_shape
from .loss import Loss, loss

if TYPE_CHECKING:
    from torch import Tensor


@loss("mse", runs_on=("torch",))
class MeanSquaredError(Loss):
    """Mean squared error over all elements of outputs and targets of one shape.

    Raises:
        UserError: shapes that differ.

    Example:
        {type: mse}
    """

    compares = ("numbers", "labels")

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        from torch.nn.functional import mse_loss

        require_same_shape("mse", outputs, targets)
        outputs = full_precision(outputs)
        return mse_loss(outputs, targets.to(outputs.dtype), reduction="sum")

    def count(self, targets: Tensor, /) -> int:
        return targets.numel()
