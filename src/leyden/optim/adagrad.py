"""Adagrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ._fused import with_fused
from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer


@optimizer("adagrad", runs_on=("torch",))
def adagrad(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-2,
    lr_decay: Annotated[float, Field(ge=0)] = 0.0,
    initial_accumulator_value: Annotated[float, Field(ge=0)] = 0.0,
    eps: Annotated[float, Field(ge=0)] = 1e-10,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    fused: bool | None = None,
) -> Optimizer:
    """Gradients over the root of the sum of all squares so far (Duchi et al. 2011), for rare features.

    Args:
        groups: parameter groups.
        lr: learning rate.
        lr_decay: the rate is divided by 1 + this times the steps done.
        initial_accumulator_value: what the sums of squares start from.
        eps: added to the divisor.
        weight_decay: added to the gradient, times the weight.
        fused: one kernel for all parameters; null where the device has it.

    Example:
        {type: adagrad, lr: 0.05}
    """
    from torch.optim import Adagrad

    return with_fused(
        Adagrad,
        groups,
        fused,
        ("cpu",),
        lr=lr,
        lr_decay=lr_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
        weight_decay=weight_decay,
    )
