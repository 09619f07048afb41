"""Draws the first values of layer parameters and keeps them in their boxes."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from .. import parameters as p
from ..problems import CircuitError
from ..units import convert


def values(
    distribution: p.Distribution, width: int, generator: Generator, fan_outs: Tensor | None = None
) -> Tensor:
    """First values of one parameter, float32 of shape (width,).

    Args:
        distribution: Where they come from.
        width: Number of nodes.
        generator: Of the draws.
        fan_outs: Connections that leave each node, for `fan_out`.

    Raises:
        CircuitError: The width is no multiple of the block size, or differs from the number of fan-outs.
    """
    block = distribution.block_size
    if width % block:
        raise CircuitError([f"block_size must divide the number of nodes, {width}, but got {block}"])
    if block == 1:
        return _drawn(distribution, width, generator, fan_outs)
    if distribution.block_mode == "shared":
        return _drawn(distribution, width // block, generator, fan_outs).repeat_interleave(block)
    return _drawn(distribution, block, generator, fan_outs).repeat(width // block)


def _drawn(distribution: p.Distribution, width: int, generator: Generator, fan_outs: Tensor | None) -> Tensor:
    match distribution:
        case p.Constant(value=value):
            return torch.full((width,), 0.0 if value is None else value)
        case p.Normal(mean=mean, std=std):
            return torch.empty(width).normal_(mean, std, generator=generator)
        case p.Uniform(min=low, max=high):
            return torch.empty(width).uniform_(low, high, generator=generator)
        case p.LogNormal(mean=mean, std=std):
            return torch.exp(torch.empty(width).normal_(mean, std, generator=generator))
        case p.LogUniform(min=low, max=high):
            low = max(low, p.FLOOR)
            high = max(high, low + p.FLOOR)
            return torch.exp(torch.empty(width).uniform_(math.log(low), math.log(high), generator=generator))
        case p.Linear(min=low, max=high):
            return torch.linspace(low, high, width)
        case p.LogLinear(min=low, max=high):
            low = max(low, p.FLOOR)
            high = high if high > low else low * (1 + 1e-9)
            return torch.exp(torch.linspace(math.log(low), math.log(high), width))
        case p.FanOut():
            return _fan_out(distribution, width, fan_outs)
        case _:
            raise AssertionError(distribution)


def _fan_out(distribution: p.FanOut, width: int, counted: Tensor | None) -> Tensor:
    if distribution.node_fan_outs is not None:
        counted = torch.tensor(distribution.node_fan_outs, dtype=torch.float64)
    fans = (
        torch.ones(width, dtype=torch.float64) if counted is None else counted.double().floor().clamp(min=1.0)
    )
    if fans.shape != (width,):
        counted_or_given = (
            "given" if distribution.node_fan_outs is not None else "counted from the connections"
        )
        problem = f"fan_out makes {width} values, but {fans.numel()} fan-outs are {counted_or_given}"
        raise CircuitError([f"{problem}; write node_fan_outs with {width} entries"])
    return (1.0 / (convert(distribution.inductance_per_fan, "L", "beta_L") * fans)).float()


def logarithm(value: float) -> float:
    """How a log parameter stores ``value``."""
    return math.log(max(value, p.FLOOR))


def stored(values: Tensor, log: bool) -> Tensor:
    """What a state dictionary holds for a parameter with these values."""
    return torch.log(values.clamp(min=p.FLOOR)) if log else values


def stored_box(box: p.Box, log: bool) -> tuple[float | None, float | None]:
    """The bounds of a parameter the way it is stored."""
    low, high = box.min, box.max
    return (
        logarithm(low) if log and low is not None else low,
        logarithm(high) if log and high is not None else high,
    )
