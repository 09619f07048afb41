"""Muon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leyden.spec.errors import UserError

from .groups import matching, refuse_unmatched
from .optimizer import optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]
Group = dict[str, Any]

#: What is two-dimensional and yet no map between hidden layers.
EDGES = ("*embed*", "*head*")


@optimizer("muon", runs_on=("torch",))
def muon(
    groups: list[Group],
    /,
    *,
    lr: NonNegative = 1e-3,
    weight_decay: NonNegative = 0.1,
    momentum: Beta = 0.95,
    nesterov: bool = True,
    ns_steps: Annotated[int, Field(ge=1, lt=100)] = 5,
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = "match_rms_adamw",
    adamw: list[str] | None = None,
    adamw_betas: tuple[Beta, Beta] = (0.9, 0.999),
    adamw_eps: NonNegative = 1e-8,
) -> Optimizer:
    """Orthogonalised momentum for the matrices of hidden layers, AdamW for all else, in one optimizer.

    Muon (Jordan et al. 2024) is for parameters of two dimensions. All others, convolutions among them, and
    the matrices that ``adamw`` names are updated by AdamW with the same learning rate and weight decay, which
    ``match_rms_adamw`` makes fit both. Each parameter group becomes up to two: its own and ``<name>/adamw``.

    Args:
        groups: parameter groups.
        lr: learning rate of both.
        weight_decay: share of each weight, times the learning rate, that is taken away in a step.
        momentum: share of the last direction that is kept.
        nesterov: look ahead along the momentum.
        ns_steps: Newton-Schulz steps that orthogonalise.
        adjust_lr_fn: match_rms_adamw scales steps to AdamW's size, original by the matrix's shape alone.
        adamw: patterns of matrices to leave to AdamW; null takes embeddings and heads by their names.
        adamw_betas: AdamW's betas.
        adamw_eps: AdamW's eps.

    Raises:
        UserError: torch is older than 2.9; no matrix is left; a pattern that matches none.

    Example:
        {type: muon, lr: 1e-3, weight_decay: 0.1}
    """
    import torch

    if not hasattr(torch.optim, "Muon"):
        raise UserError(
            f"muon needs torch 2.9 or newer, but this is {torch.__version__}; upgrade, or use adamw"
        )
    from .algorithms.muon import MuonWithAdamW

    matrices, others = _divide(groups, adamw)
    if not matrices:
        raise UserError(
            "muon needs a weight of two dimensions between hidden layers, but this model has none; use adamw"
        )
    own = {
        "momentum": momentum,
        "nesterov": nesterov,
        "ns_steps": ns_steps,
        "adjust_lr_fn": adjust_lr_fn,
    }
    return MuonWithAdamW(
        matrices,
        others,
        lr=lr,
        muon=own | {"weight_decay": weight_decay},
        adamw={"betas": adamw_betas, "eps": adamw_eps, "weight_decay": weight_decay},
    )


def _divide(groups: Sequence[Group], patterns: Sequence[str] | None) -> tuple[list[Group], list[Group]]:
    """Each group's matrices, and each group's other parameters; groups without any are left out."""
    flat = [name for group in groups for name, parameter in group["params"] if parameter.ndim == 2]
    for pattern in patterns or ():
        if not matching(pattern, flat):
            refuse_unmatched(pattern, flat)
    edges = {
        name for pattern in (EDGES if patterns is None else patterns) for name in matching(pattern, flat)
    }
    hidden = set(flat) - edges

    def part(group: Group, name: str, keep: Callable[[str], bool]) -> list[Group]:
        members = [(n, p) for n, p in group["params"] if keep(n)]
        return [{**group, "name": name, "params": members}] if members else []

    matrices = [g for group in groups for g in part(group, group["name"], lambda n: n in hidden)]
    others = [g for group in groups for g in part(group, f"{group['name']}/adamw", lambda n: n not in hidden)]
    return matrices, others
