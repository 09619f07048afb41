"""RMSprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer


@optimizer("rmsprop", runs_on=("torch",))
def rmsprop(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-2,
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    eps: Annotated[float, Field(ge=0)] = 1e-8,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    centered: bool = False,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
) -> Optimizer:
    """Gradients over the root of their mean squares (Hinton 2012, lecture 6e).

    Args:
        groups: parameter groups.
        lr: learning rate.
        alpha: how slowly the mean of squares forgets.
        eps: added to the divisor.
        momentum: share of the last step that is kept.
        centered: divide by the standard deviation instead.
        weight_decay: added to the gradient, times the weight.

    Example:
        {type: rmsprop, lr: 1e-3, momentum: 0.9}
    """
    from torch.optim import RMSprop

    return RMSprop(
        groups, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=centered, weight_decay=weight_decay
    )
