"""Lion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


@optimizer("lion", runs_on=("torch",))
def lion(
    groups: list[dict[str, Any]],
    /,
    *,
    lr: Annotated[float, Field(ge=0)] = 1e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.99),
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
) -> Optimizer:
    """Steps of one size in the direction of the momentum's sign (Chen et al. 2023, arXiv:2302.06675).

    Half of Adam's memory. Learning rates are three to ten times smaller than AdamW's, weight decays as much
    larger.

    Args:
        groups: parameter groups.
        lr: learning rate, the size of every step.
        betas: how slowly the direction and the momentum forget.
        weight_decay: share of each weight, times the learning rate, that is taken away in a step.

    Example:
        {type: lion, lr: 3e-4, weight_decay: 0.1}
    """
    from .algorithms.lion import Lion

    return Lion(groups, lr=lr, betas=betas, weight_decay=weight_decay)
