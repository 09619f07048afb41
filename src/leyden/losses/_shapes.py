"""What outputs and targets must look like beside each other; nothing is ever broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leyden.spec.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def require_same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise UserError unless both have one shape. (N,) against (N, 1) would silently broadcast to (N, N)."""
    if outputs.shape != targets.shape:
        raise UserError(
            f"{name} compares outputs and targets of one shape, but got outputs {tuple(outputs.shape)} and "
            f"targets {tuple(targets.shape)}; make the two agree, e.g. both (batch, 1)"
        )


def require_labels(name: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise UserError unless logits (batch, classes, ...) meet labels (batch, ...) of an integer type."""
    if targets.is_floating_point():
        raise UserError(
            f"{name} takes integer class labels, but got targets of type {targets.dtype} and shape "
            f"{tuple(targets.shape)}; use labels 0, 1, 2, ..., a regression loss "
            "for real numbers, or bce for several labels at once"
        )
    if outputs.ndim < 2 or targets.shape != outputs.shape[:1] + outputs.shape[2:]:
        raise UserError(
            f"{name} compares logits (batch, classes, ...) with labels (batch, ...), but got outputs "
            f"{tuple(outputs.shape)} and targets {tuple(targets.shape)}; drop the targets' extra dimension, "
            "or use bce for targets that hold one 0 or 1 a class"
        )
