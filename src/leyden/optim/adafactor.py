"""Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

Positive = Annotated[float, Field(gt=0)]


@optimizer("adafactor", runs_on=("torch",))
def adafactor(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-2,
    beta2_decay: Annotated[float, Field(le=0)] = -0.8,
    eps: tuple[Positive | None, Positive] = (None, 1e-3),
    d: Annotated[float, Field(ge=1)] = 1.0,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
) -> Optimizer:
    """Adam-like steps that keep one number a row and column (Shazeer and Stern 2018, arXiv:1804.04235).

    The learning rate is relative to the size of each parameter.

    Args:
        groups: parameter groups.
        lr: largest relative learning rate.
        beta2_decay: power of the step with which the mean of squares forgets less and less.
        eps: floors of squared gradients (null: the type's rounding) and of parameters' sizes.
        d: largest root mean square of an update.
        weight_decay: share of each weight, times the learning rate, that is taken away in a step.

    Example:
        {type: adafactor, lr: 0.01}
    """
    from torch.optim import Adafactor

    return Adafactor(groups, lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay)
