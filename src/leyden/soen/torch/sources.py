"""The source functions g(phi, I): flux and current of an interferometer to its mean voltage."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .rates import Rates

#: (flux, current) -> g, elementwise; the shapes broadcast
Source = Callable[[Tensor, Tensor], Tensor]


def tanh(phi: Tensor, current: Tensor) -> Tensor:
    """tanh(phi)."""
    return torch.tanh(phi)


def telu(phi: Tensor, current: Tensor) -> Tensor:
    """phi tanh(exp(phi))."""
    return phi * torch.tanh(torch.exp(phi.clamp(max=20.0)))  # 1 long before; infinity has no gradient


def simple_gelu(phi: Tensor, current: Tensor) -> Tensor:
    """phi (1 + tanh(0.8 phi)) / 2."""
    return 0.5 * phi * torch.tanh(0.8 * phi) + 0.5 * phi


def relu(phi: Tensor, current: Tensor) -> Tensor:
    """max(phi, 0)."""
    return torch.relu(phi)


def tanh_gauss(phi: Tensor, current: Tensor) -> Tensor:
    """A fit of the rate table for a bias of 1.7: tanh of a Gaussian in the flux, a power of the current."""
    amplitude, power, width = 0.7845368385314941, 2.5484097003936768, 0.12632733583450317
    missing = (1.7 - current.clamp(0.7, 1.7)).clamp(0.0, 1.0)
    bell = torch.exp(-((torch.remainder(phi, 1.0) - 0.5) ** 2) / (2 * width**2))
    return amplitude * (1 - missing).clamp(min=1e-6) ** power * torch.tanh(bell)


def heaviside(phi: Tensor, current: Tensor) -> Tensor:
    """A fit of the rate table: a root of how far the current is above a critical one that the flux sets."""
    eps = 1e-6
    above = (current - 1.06435066).clamp(min=eps)
    cosine = torch.cos(math.pi * phi).abs() + eps
    excess = 0.37091212 * above**1.92138556 - 0.31903101 * cosine**2.50322787
    return torch.sigmoid(100 * excess) * excess.clamp(min=eps) ** (1 / 2.62706077)


#: name of a source function without a table -> the function
CLOSED: dict[str, Source] = {
    "Tanh": tanh,
    "Telu": telu,
    "SimpleGELU": simple_gelu,
    "ReLU": relu,
    "TanhGauss1p7IBFit": tanh_gauss,
    "Heaviside_state_dep": heaviside,
}


def source(name: str, rates: Rates | None) -> Source:
    """The source function of that name; ``rates`` is what `RateArray` looks up."""
    if name != "RateArray":
        return CLOSED[name]
    assert rates is not None
    return rates
