"""Draws every mask and every first weight of a circuit, in the order of its connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from ..circuit import Circuit
from ..connections import Connection
from ..layers import Layer
from ..problems import CircuitError, said_of
from .masks import mask
from .weights import polarised, weights


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One connection as it was drawn.

    Args:
        weight: (to, from), zero where the mask is.
        mask: (to, from), bool.
        signs: 1, -1 or 0 for each source node; None without a polarity.
    """

    weight: Tensor
    mask: Tensor
    signs: Tensor | None


def draw(circuit: Circuit, generator: Generator, seed: int) -> dict[str, Drawn]:
    """Masks and first weights by key of the connection.

    Raises:
        CircuitError: With every file that cannot be used.
    """
    signed = signs(circuit.ordered, seed)
    drawn, problems = dict[str, Drawn](), list[str]()
    for c in circuit.connections:
        with said_of(c.key, problems):
            drawn[c.key] = _drawn(circuit, c, generator, signed.get(c.from_layer))
    if problems:
        raise CircuitError(problems)
    return drawn


def _drawn(circuit: Circuit, connection: Connection, generator: Generator, sign: Tensor | None) -> Drawn:
    source, target = circuit.layer(connection.from_layer).params, circuit.layer(connection.to_layer).params
    params = connection.params
    connected = mask(
        params.structure.pattern,
        source.dim,
        target.dim,
        generator,
        internal=connection.internal,
        own=params.allow_self_connections,
    )
    weight = weights(params.init.initialiser, connected, generator, circuit.fan_in(connection.to_layer))
    if sign is not None:
        weight = polarised(weight, sign, source.polarity_enforcement_method)
    return Drawn(weight=weight, mask=connected.bool(), signs=sign)


def signs(layers: Sequence[Layer], seed: int) -> dict[int, Tensor]:
    """1, -1 or 0 for each node of every layer that has a polarity, by number; drawn in the order given."""
    generator = np.random.RandomState(seed % 2**32)
    found, problems = dict[int, Tensor](), list[str]()
    for layer in layers:
        with said_of(f"layer {layer.layer_id}", problems):
            if layer.params.polarised:
                found[layer.layer_id] = torch.from_numpy(layer.params.signs(layer.params.dim, generator))
    if problems:
        raise CircuitError(problems)
    return found


def fan_outs(circuit: Circuit, drawn: Mapping[str, Drawn], layer_id: int) -> Tensor:
    """Connections that leave each node of a layer, self connections too, at least 1; float32 (nodes,)."""
    leaving = [drawn[c.key].mask.sum(0) for c in circuit.connections if c.from_layer == layer_id]
    total = torch.stack(leaving).sum(0) if leaving else torch.zeros(circuit.layer(layer_id).params.dim)
    return total.float().clamp(min=1.0)
