"""Draws the first weights of a connection. Shape (to, from), float32, zero where the mask is."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from .. import weights as w
from ..array_file import array_in


def weights(initialiser: w.Initialiser, mask: Tensor, generator: Generator, sources: int = 1) -> Tensor:
    """First weights of a connection.

    Args:
        initialiser: Where they come from.
        mask: Which of them exist, (to, from).
        generator: Of the draws.
        sources: How many connections lead into the target layer.
    """
    fan_in = mask.sum(1, keepdim=True).clamp(min=1.0)
    fan_out = mask.sum(0, keepdim=True).clamp(min=1.0)
    return _drawn(initialiser, mask, fan_in, fan_out, generator, sources) * mask


def _drawn(
    initialiser: w.Initialiser,
    mask: Tensor,
    fan_in: Tensor,
    fan_out: Tensor,
    generator: Generator,
    sources: int,
) -> Tensor:
    shape = mask.shape

    def normal() -> Tensor:
        return torch.randn(shape, generator=generator)

    def uniform() -> Tensor:
        return 2.0 * torch.rand(shape, generator=generator) - 1.0

    match initialiser:
        case w.Normal(mean=mean, std=std):
            return torch.empty(shape).normal_(mean, std, generator=generator)
        case w.Uniform(min=low, max=high):
            return torch.empty(shape).uniform_(low, high, generator=generator)
        case w.Linear(min=low, max=high):
            return torch.linspace(low, high, mask.numel()).view(shape)
        case w.XavierUniform(gain=gain):
            return uniform() * gain * torch.sqrt(6.0 / (fan_in + fan_out))
        case w.XavierNormal(gain=gain):
            return normal() * gain * torch.sqrt(2.0 / (fan_in + fan_out))
        case w.KaimingUniform():
            return uniform() * _gain(initialiser) * torch.sqrt(3.0 / fan_in)
        case w.KaimingNormal():
            return normal() * _gain(initialiser) / torch.sqrt(fan_in)
        case w.Orthogonal(gain=gain):
            return torch.nn.init.orthogonal_(torch.empty(shape), gain, generator=generator)
        case w.Constant(value=value):
            return torch.full(shape, value)
        case w.FluxBalanced(noise_std=std):
            share = initialiser.shares(sources) * fan_in * initialiser.mean_state
            balanced = (initialiser.phi_exc_target / share).expand(shape)
            return balanced + std * normal() if std > 0 else balanced
        case w.Custom(weights_file=path):
            found = array_in(path, "weights", (shape[0], shape[1]))
            return torch.from_numpy(found.astype(np.float32))
        case _:
            raise AssertionError(initialiser)


def _gain(initialiser: w.KaimingNormal) -> float:
    match initialiser.nonlinearity:
        case "relu":
            return math.sqrt(2.0)
        case "leaky_relu":
            return math.sqrt(2.0 / (1.0 + initialiser.a**2))
        case "tanh":
            return 5.0 / 3.0
        case _:
            return 1.0


def polarised(weights: Tensor, signs: Tensor, method: str) -> Tensor:
    """Weights whose columns have the sign of their source node.

    Args:
        weights: (to, from).
        signs: 1, -1 or 0 (free) for each source node.
        method: `sign_flip` turns wrong signs round, `clip_to_zero` removes them.
    """
    if method == "sign_flip":
        return torch.where(signs == 0, weights, weights.abs() * signs)
    return torch.where(weights * signs < 0, 0.0, weights)
