"""AdamW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ._fused import with_fused
from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


@optimizer("adamw", runs_on=("torch",))
def adamw(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-3,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: Annotated[float, Field(ge=0)] = 1e-8,
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2,
    amsgrad: bool = False,
    fused: bool | None = None,
) -> Optimizer:
    """Adam with weight decay that is apart from the gradient (Loshchilov and Hutter 2017, arXiv:1711.05101).

    Args:
        groups: parameter groups.
        lr: learning rate.
        betas: how slowly the means of gradients and of their squares forget.
        eps: added to the divisor.
        weight_decay: share of each weight, times the learning rate, that is taken away in a step.
        amsgrad: divide by the largest mean square so far.
        fused: one kernel for all parameters; null where the device has it.

    Example:
        {type: adamw, lr: 3e-3, weight_decay: 0.01}
    """
    from torch.optim import AdamW

    return with_fused(
        AdamW, groups, fused, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad
    )
