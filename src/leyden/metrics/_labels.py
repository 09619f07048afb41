"""Which labels a model's outputs predict, and which are true: the ground of every classification metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leyden.spec.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def is_multi_label(outputs: Tensor, targets: Tensor) -> bool:
    """True where every label is judged for itself: targets hold one 0 or 1 for each output."""
    return outputs.shape == targets.shape


def require_labels(name: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise UserError unless logits (batch, classes, ...) meet labels (batch, ...) of an integer type."""
    if (
        outputs.ndim < 2
        or targets.shape != outputs.shape[:1] + outputs.shape[2:]
        or targets.is_floating_point()
    ):
        raise UserError(
            f"{name} compares logits (batch, classes, ...) with integer labels (batch, ...), or logits with "
            f"one 0 or 1 each, but got outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} of "
            f"{targets.dtype}; drop the targets' extra dimension, or use a regression metric for real numbers"
        )


def logit(threshold: float) -> float:
    """The output at which the sigmoid reaches ``threshold``: comparing logits loses no digits."""
    return math.log(threshold / (1.0 - threshold))
