"""Recurrent cells that are dendrites in disguise: s' = s + rate (tanh(phi + W s + offset) - s)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..torch.sources import tanh
from .cells import CellsDrive, CellsPlan, CellsSegment, compiled
from .fused import fused
from .ways import allowed, unfit, unserved


def at_once(*tensors: Tensor) -> bool:
    """Whether whole sequences of these tensors may be computed at once."""
    return allowed() != "steps" and not unfit(*tensors)


def leaking(phi: Tensor, weight: Tensor, offset: Tensor, rate: Tensor, start: Tensor) -> Tensor:
    """History of the states, (batch, time + 1, nodes).

    Args:
        phi: External flux, (batch, time, nodes).
        weight: Recurrent weights, (to, from).
        offset: Of each node, (nodes,).
        rate: How far a state goes at each step, (nodes,).
        start: States before the first step, (batch, nodes).
    """
    drive = CellsDrive(
        phi=phi,
        weight=weight,
        offset=offset,
        bias=torch.zeros_like(offset),
        plus=rate,
        minus=rate,
        start=start,
        dt=torch.ones((), dtype=phi.dtype, device=phi.device),
    )
    if not torch.compiler.is_compiling() and (allowed() == "fused" or unserved(phi)):
        return fused(drive, tanh, 1)
    return compiled(drive, CellsPlan((CellsSegment(0, phi.shape[2], "Tanh"),)))
