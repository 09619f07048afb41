"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from leyden.spec.errors import UserError

from ._fused import with_fused
from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer


@optimizer("sgd", runs_on=("torch",))
def sgd(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-3,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    dampening: Annotated[float, Field(ge=0, le=1)] = 0.0,
    nesterov: bool = False,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    fused: bool | None = None,
) -> Optimizer:
    """Steps along the gradient, or along its momentum.

    Args:
        groups: parameter groups.
        lr: learning rate.
        momentum: share of the last direction that is kept.
        dampening: share of the gradient that is left out of the momentum.
        nesterov: look ahead along the momentum; needs momentum, and no dampening.
        weight_decay: added to the gradient, times the weight.
        fused: one kernel for all parameters; null where the device has it.

    Raises:
        UserError: nesterov without momentum or with dampening, or dampening without momentum.

    Example:
        {type: sgd, lr: 0.1, momentum: 0.9, nesterov: true}
    """
    from torch.optim import SGD

    if nesterov and (momentum == 0.0 or dampening > 0.0):
        raise UserError(
            f"nesterov needs momentum above 0 and no dampening, but momentum is {momentum} and dampening "
            f"{dampening}; set momentum: 0.9 and leave dampening out"
        )
    if dampening > 0.0 and momentum == 0.0:
        raise UserError(f"dampening needs momentum, but momentum is 0; remove `dampening: {dampening}`")
    return with_fused(
        SGD,
        groups,
        fused,
        lr=lr,
        momentum=momentum,
        dampening=dampening,
        nesterov=nesterov,
        weight_decay=weight_decay,
    )
