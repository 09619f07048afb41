"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ._fused import with_fused
from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


@optimizer("adam", runs_on=("torch",))
def adam(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-3,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: Annotated[float, Field(ge=0)] = 1e-8,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    amsgrad: bool = False,
    fused: bool | None = None,
) -> Optimizer:
    """Steps of gradient means over root mean squares (Kingma and Ba 2014, arXiv:1412.6980).

    Args:
        groups: parameter groups.
        lr: learning rate.
        betas: how slowly the means of gradients and of their squares forget.
        eps: added to the divisor.
        weight_decay: added to the gradient, times the weight; `adamw` keeps the two apart.
        amsgrad: divide by the largest mean square so far.
        fused: one kernel for all parameters; null where the device has it.

    Example:
        {type: adam, lr: 1e-3}
    """
    from torch.optim import Adam

    return with_fused(
        Adam, groups, fused, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad
    )
