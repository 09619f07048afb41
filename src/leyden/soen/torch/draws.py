"""Draws every mask and every first weight of a circuit, in the order of its connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..circuit import Circuit
from ..connections import Connection
from ..layers import LayerParams
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
    """Masks and first weights by key of the connection."""
    return {c.key: _drawn(circuit, c, generator, seed) for c in circuit.connections}


def _drawn(circuit: Circuit, connection: Connection, generator: Generator, seed: int) -> Drawn:
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
    sign = signs(source, seed)
    if sign is not None:
        weight = polarised(weight, sign, source.polarity_enforcement_method)
    return Drawn(weight=weight, mask=connected.bool(), signs=sign)


def signs(source: LayerParams, seed: int) -> Tensor | None:
    """1, -1 or 0 for each node of a source layer, None without a polarity."""
    return torch.from_numpy(source.signs(source.dim, seed)) if source.polarised else None


def fan_outs(circuit: Circuit, drawn: Mapping[str, Drawn], layer_id: int) -> Tensor:
    """Connections that leave each node of a layer, self connections too, at least 1; float32 (nodes,)."""
    leaving = [drawn[c.key].mask.sum(0) for c in circuit.connections if c.from_layer == layer_id]
    total = torch.stack(leaving).sum(0) if leaving else torch.zeros(circuit.layer(layer_id).params.dim)
    return total.float().clamp(min=1.0)
