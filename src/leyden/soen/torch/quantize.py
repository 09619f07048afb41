"""Snaps weights to the levels of a codebook."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from ..quantization import Quantization

if TYPE_CHECKING:
    from .network import Network


def snap(weights: Tensor, codebook: Tensor) -> Tensor:
    """Each weight as its nearest level; the lower one where two are equally near.

    Args:
        weights: Of any shape.
        codebook: Levels, ascending, at least one.
    """
    if codebook.numel() == 1:
        return codebook.expand_as(weights).clone()
    middles = (codebook[1:] + codebook[:-1]) / 2
    return codebook[torch.bucketize(weights, middles)]


def snap_randomly(weights: Tensor, codebook: Tensor, generator: Generator | None = None) -> Tensor:
    """Each weight as one of its two neighbours, the upper with probability (x - lower)/(upper - lower)."""
    if codebook.numel() == 1:
        return codebook.expand_as(weights).clone()
    inside = weights.clamp(codebook[0], codebook[-1])
    upper = torch.bucketize(inside, codebook).clamp(1, codebook.numel() - 1)
    low, high = codebook[upper - 1], codebook[upper]
    draw = torch.rand(weights.shape, dtype=weights.dtype, device=weights.device, generator=generator)
    return torch.where(draw < (inside - low) / (high - low), high, low)


def straight_through(weights: Tensor, snapped: Tensor) -> Tensor:
    """The value of ``snapped`` with the gradient of ``weights`` (Bengio et al. 2013)."""
    return weights + (snapped - weights).detach()


def as_computed(
    weight: Tensor, settings: Quantization, stochastic: bool, generator: Generator | None = None
) -> Tensor:
    """A weight as the forward pass computes with it. Missing ones stay missing: every codebook has a zero."""
    levels = torch.as_tensor(settings.codebook(), dtype=weight.dtype, device=weight.device)
    snapped = snap_randomly(weight, levels, generator) if stochastic else snap(weight, levels)
    return straight_through(weight, snapped) if settings.gradient == "straight_through" else snapped.detach()


def quantized(network: Network, settings: Quantization) -> Network:
    """A copy of a network whose stored weights are snapped to the levels, for good."""
    found = copy.deepcopy(network)
    circuit = found.circuit.model_copy(update={"quantization": settings})
    with torch.no_grad():
        for c in circuit.connections:
            if circuit.quantizes(c):
                weight = found.connections[c.key]
                weight.copy_(as_computed(weight, settings, stochastic=False))
    return found
