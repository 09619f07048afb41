"""Gathers what one forward pass of a network depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from ..connections import Connection
from .edges import Edge
from .evaluate import Forward
from .inputs import Initial, refuse_unknown, starting, starting_circuits
from .kinds.static import Readout
from .layer import Layer, Now
from .noise import SILENT, Disturbance, ShakenWeights
from .quantize import as_computed
from .rates import Rates
from .sources import source
from .wiring import edge

if TYPE_CHECKING:
    from .network import Network


def prepared(network: Network, x: Tensor, initial: Initial, generator: Generator | None) -> Forward:
    """Everything that one forward pass depends on.

    Args:
        network: The network.
        x: Input, (batch, time, nodes of the first layer), checked.
        initial: States to start from.
        generator: Of noise and perturbation; torch's own where None.
    """
    circuit, layers = network.circuit, network.ordered
    rates = _rates(network)
    edges = {c.key: _edge(network, c, rates, generator) for c in circuit.connections}
    circuits = starting_circuits(initial, edges, x.shape[0], x)
    if initial:
        refuse_unknown(initial, layers, circuits)
    states = starting(initial, layers, x.shape[0], x)
    if "first_state" in circuit.compat and not circuit.simulation.stepwise:
        driven = layers[:1] if circuit.simulation.input_type == "state" else []
        for layer in (*driven, *(la for la in layers if type(la) is Readout)):
            states[layer.layer_id] = layer.start(torch.zeros_like(states[layer.layer_id][0]))
    loops = {c.to_layer: c.key for c in circuit.connections if c.internal and circuit.acts(c)}
    weights = {i: edges[key].weight for i, key in loops.items()}
    return Forward(
        x=x,
        layers=layers,
        nows={la.layer_id: _now(network, la, weights.get(la.layer_id), rates, generator) for la in layers},
        connections=circuit.connections,
        edges=edges,
        loops=frozenset(loops.values()),
        states=states,
        circuits=circuits,
        simulation=circuit.simulation,
        compat=circuit.compat,
    )


def _noisy(network: Network) -> bool:
    return network.training or network.circuit.simulation.noise_in == "always"


def _rates(network: Network) -> Rates | None:
    if not network.uses_table:
        return None
    edge = network.circuit.simulation.out_of_range == "edge"
    return network.rates.of(network.rate_table, network.rate_range, edge=edge)


def _now(
    network: Network, layer: Layer, loop: Tensor | None, rates: Rates | None, generator: Generator | None
) -> Now:
    noise = Disturbance(layer.levels if _noisy(network) else SILENT, generator)
    g = source(layer.source_func, rates)
    return Now(dt=network.dt, layer=layer, source=g, noise=noise, loop=loop)


def _edge(network: Network, c: Connection, rates: Rates | None, generator: Generator | None) -> Edge:
    circuit, levels = network.circuit, network.levels[c.key] if _noisy(network) else SILENT
    weight = network.inside(c.key)
    if circuit.quantization is not None and circuit.quantizes(c):
        stochastic = circuit.quantization.stochastic and network.training
        weight = as_computed(weight, circuit.quantization, stochastic, generator)
    plain = "noisy_multipliers" in circuit.compat and "j" in levels.noise and not circuit.simulation.stepwise
    noise = Disturbance(levels, generator)
    mask, ends = network.masks[c.key], network.ends_of(c)
    shaken = torch.ones_like(mask) if "noisy_masks" in circuit.compat else mask
    disturbed = ShakenWeights(noise, shaken) if levels.keys else None
    return edge(c, weight, mask, ends, network.dt, rates, disturbed, as_fixed=plain and not c.internal)
