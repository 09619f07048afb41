"""The circuits of `soen.py` as other people's loops: what they cost is what Leyden is compared with.

Every rival takes the parameters of a Leyden network and returns the history of the last layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from leyden.soen.torch.network import Network

Source = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Dendrites:
    """One layer: weights into it, its own, and its parameters, as leaves."""

    into: Tensor
    loop: Tensor | None
    offset: Tensor
    bias: Tensor
    log_plus: Tensor
    log_minus: Tensor

    @property
    def leaves(self) -> list[Tensor]:
        """What is trained."""
        own = [self.into, self.offset, self.bias, self.log_plus, self.log_minus]
        return own if self.loop is None else [*own, self.loop]


def layers(network: Network) -> list[Dendrites]:
    """The dendrite layers of a network with leaves of their own."""

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().clone().requires_grad_()

    found: list[Dendrites] = []
    for spec in network.circuit.ordered[1:]:
        i = spec.layer_id
        layer, connections = network.layer(i), network.connections
        loop = f"J_{i}_to_{i}"
        found.append(
            Dendrites(
                leaf(connections[f"J_{i - 1}_to_{i}"]),
                leaf(connections[loop]) if loop in connections else None,
                leaf(layer.get_parameter("phi_offset")),
                leaf(layer.get_parameter("bias_current")),
                leaf(layer.get_parameter("log_gamma_plus")),
                leaf(layer.get_parameter("log_gamma_minus")),
            )
        )
    return found


# ------------------------------------------------------------------ source functions


def heaviside(phi: Tensor, current: Tensor) -> Tensor:
    """The fit of the rate table, as anybody would write it."""
    above = torch.clamp(current - 1.06435066, min=1e-6)
    cosine = torch.cos(math.pi * phi).abs() + 1e-6
    d = 0.37091212 * above**1.92138556 - 0.31903101 * cosine**2.50322787
    return torch.sigmoid(100 * d) * torch.clamp(d, min=1e-6) ** (1 / 2.62706077)


def tabled(table: Tensor, low: float, high: float, *, images: bool) -> Source:
    """The rate table by grid_sample: one image a node, as the original has it, or one image for all."""

    def looked_up(phi: Tensor, current: Tensor) -> Tensor:
        folded = torch.remainder(phi, 1.0)
        folded = torch.minimum(folded, 1 - folded)
        u, v = 4 * folded - 1, 2 * (current - low) / (high - low) - 1
        n = phi.numel()
        shape = (n, 1, 1, 2) if images else (1, 1, n, 2)
        grid = torch.stack([u, v.expand_as(u)], -1).reshape(shape)
        image = table[None, None].expand(shape[0], 1, *table.shape)
        found = torch.nn.functional.grid_sample(image, grid, "bilinear", "zeros", True)
        return found.reshape(phi.shape)

    return looked_up


# ------------------------------------------------------------------ loops


def in_place(x: Tensor, net: list[Dendrites], source: Source, dt: float) -> Tensor:
    """What the original does: every step writes into a history, and everything is computed at every step."""
    signal = x
    history = x
    for layer in net:
        phi = signal @ layer.into.t()
        batch, steps, nodes = phi.shape
        history, s = phi.new_zeros(batch, steps + 1, nodes), phi.new_zeros(batch, nodes)
        history[:, 0, :] = s
        for t in range(steps):
            p = phi[:, t, :]
            if layer.loop is not None:
                p = p + s @ layer.loop.t()
            p = p + layer.offset
            plus, minus = torch.exp(layer.log_plus), torch.exp(layer.log_minus)
            s = s + dt * (plus * source(p, layer.bias - s) - minus * s)
            history[:, t + 1, :] = s
        signal = history[:, 1:]
    return history


def stacked(x: Tensor, net: list[Dendrites], source: Source, dt: float) -> Tensor:
    """A clean loop: states in a list, one stack at the end, constants computed once."""
    signal = x
    history = x
    for layer in net:
        gain, kept = dt * torch.exp(layer.log_plus), 1 - dt * torch.exp(layer.log_minus)
        flux = signal @ layer.into.t() + layer.offset
        s = flux.new_zeros(flux.shape[0], flux.shape[2])
        states = [s]
        for p in flux.unbind(1):
            if layer.loop is not None:
                p = torch.addmm(p, s, layer.loop.t())
            s = torch.addcmul(kept * s, gain, source(p, layer.bias - s))
            states.append(s)
        history = torch.stack(states, 1)
        signal = history[:, 1:]
    return history
