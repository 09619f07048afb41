"""The three orders of evaluation: layer by layer over whole sequences, or all layers step by step.

layerwise      layer by layer; the source's state at the same step drives the target
Gauss-Seidel   step by step; sources with a lower number have this step's state already, the others the last
one's
Jacobi         step by step; every source has the last step's state
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..connections import Connection
from ..kernel.chain import chained
from ..kernel.connections import carried
from ..kernel.sweep import swept
from ..simulation import Simulation
from .early_stop import Rest
from .edges import Edge, EdgeState
from .kinds.multiplier import MultiplierNOCC
from .kinds.recurrent import Carrying
from .layer import Layer, Now, Rolled, State
from .roll import roll, stacked


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Everything that one forward pass depends on. A fast kernel that serves a circuit needs nothing else.

    Args:
        x: Input, (batch, time, nodes of the first layer).
        layers: The layers in order of evaluation.
        nows: What holds for each during this forward, by number.
        connections: The connections in the order of the description.
        edges: What each of them does, by key.
        loops: Keys of the self connections that their layer acts on.
        states: State of each layer before the first step, by number.
        circuits: States of each connection's circuits, by key.
        simulation: How to evaluate.
        compat: Quirks of the original that are asked for.
    """

    x: Tensor
    layers: Sequence[Layer]
    nows: Mapping[int, Now]
    connections: Sequence[Connection]
    edges: Mapping[str, Edge]
    loops: frozenset[str]
    states: Mapping[int, State]
    circuits: Mapping[str, EdgeState]
    simulation: Simulation
    compat: frozenset[str]

    def into(self, layer_id: int) -> list[Connection]:
        """Connections from other layers into this one."""
        return [c for c in self.connections if c.to_layer == layer_id and not c.internal]

    def loop(self, layer_id: int) -> Connection | None:
        """The self connection of a layer that acts on it."""
        return next(
            (c for c in self.connections if c.internal and c.to_layer == layer_id and c.key in self.loops),
            None,
        )

    def loop_edge(self, layer_id: int) -> Edge | None:
        """What the self connection of a layer does, where one acts on it."""
        loop = self.loop(layer_id)
        return None if loop is None else self.edges[loop.key]

    @property
    def late(self) -> bool:
        """Whether every layer of a step sees the states before it (Jacobi)."""
        return self.simulation.network_evaluation_method == "stepwise_jacobi"

    def driven(self, layer: Layer) -> bool:
        """Whether the input is this layer's state."""
        return layer is self.layers[0] and self.simulation.input_type == "state"


@dataclass(kw_only=True)
class Outcome:
    """What a forward pass came to.

    Args:
        histories: (batch, time + 1, nodes) of each layer, by number.
        states: Final state of each layer.
        circuits: Final states of each connection's circuits.
        phi: Flux that source functions saw, (batch, time, nodes), where there is one.
        g: What they gave.
    """

    histories: dict[int, Tensor] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    circuits: dict[str, EdgeState] = field(default_factory=dict)
    phi: dict[int, Tensor] = field(default_factory=dict)
    g: dict[int, Tensor] = field(default_factory=dict)

    def add(self, layer_id: int, rolled: Rolled) -> None:
        """Take in the whole sequence of a layer."""
        self.histories[layer_id], self.states[layer_id] = rolled.history, rolled.state
        if rolled.phi is not None:
            self.phi[layer_id] = rolled.phi
        if rolled.g is not None:
            self.g[layer_id] = rolled.g


def evaluate(forward: Forward) -> Outcome:
    """Run a circuit the way its description says."""
    outcome = Outcome(circuits=dict(forward.circuits))
    if not forward.simulation.stepwise:
        _layerwise(forward, forward.layers, outcome)
        return outcome
    outcome = swept(forward, outcome, _layerwise) or _stepwise(forward)
    if "first_state" in forward.compat and forward.simulation.input_type == "state":
        _show_first_flux(forward, outcome)
    return outcome


def _show_first_flux(f: Forward, outcome: Outcome) -> None:
    """Put what initial states bring in front of the histories of later input layers."""
    for layer in f.layers[1:]:
        into = f.into(layer.layer_id)
        if layer.layer_type == "Input" and into:
            history = outcome.histories[layer.layer_id]
            first = torch.zeros_like(history[:, 0])
            for c in into:
                first = first + f.states[c.from_layer][0] @ f.edges[c.key].weight.t()
            outcome.histories[layer.layer_id] = torch.cat([first.unsqueeze(1), history[:, 1:]], 1)


def _layerwise(f: Forward, layers: Sequence[Layer], outcome: Outcome) -> None:
    """Layers one after the other over the whole sequence; ``outcome`` has those before them."""
    while layers:
        taken = chained(f, layers, outcome, lambda layer: _flux(f, layer, outcome))
        if not taken:
            _alone(f, layers[0], outcome)
        layers = layers[taken or 1 :]


def _alone(f: Forward, layer: Layer, outcome: Outcome) -> None:
    """One layer over the whole sequence."""
    i = layer.layer_id
    now, state = f.nows[i], f.states[i]
    if f.driven(layer):
        history = torch.cat([state[0].unsqueeze(1), now.noise("s", f.x)], 1)
        outcome.add(i, Rolled(history, (history[:, -1], *state[1:])))
        return
    phi = _flux(f, layer, outcome)
    loop = f.loop(i)
    key = loop.key if loop else ""
    observed = f.simulation.tracks
    rolled = roll(layer, phi, state, f.edges.get(key), f.circuits.get(key, ()), now, observed=observed)
    outcome.add(i, rolled)
    if loop is not None:
        outcome.circuits[key] = rolled.loop


def _flux(f: Forward, layer: Layer, outcome: Outcome) -> Tensor:
    """The flux that reaches a layer from those before it, with its noise, (batch, time, nodes)."""
    now, phi = f.nows[layer.layer_id], _upstream(f, layer, outcome)
    # a multiplier without coil has no noise of its own there
    if "double_phi_noise" in f.compat and not isinstance(layer, MultiplierNOCC):
        phi = now.noise("phi", phi)
        if not layer.memoryless:
            now.noise.forget(
                "phi"
            )  # layers that step draw another offset, the others take the same one twice
    return layer.shaken(phi, now)


def _upstream(f: Forward, layer: Layer, outcome: Outcome) -> Tensor:
    if layer is f.layers[0]:
        return f.x
    phi = None
    for c in sorted(f.into(layer.layer_id), key=lambda c: c.from_layer):
        source, state = outcome.histories[c.from_layer], f.circuits[c.key]
        reached, outcome.circuits[c.key] = carried(f.edges[c.key], source, state, late=f.late)
        phi = reached if phi is None else phi + reached
    return f.x.new_zeros(*f.x.shape[:2], layer.params.dim) if phi is None else phi


@dataclass
class _Steps:
    """What a stepwise simulation has recorded of one layer so far."""

    outputs: list[Tensor]
    phi: list[Tensor] = field(default_factory=list)
    g: list[Tensor] = field(default_factory=list)


def _stepwise(f: Forward) -> Outcome:
    states, circuits = dict(f.states), dict(f.circuits)
    records = {i: _Steps([state[0]]) for i, state in states.items()}
    rest = Rest(f.simulation) if f.simulation.early_stopping_forward_pass else None
    for x in f.x.unbind(1):
        before = {i: state[0] for i, state in states.items()}
        for layer in f.layers:
            _advance(f, layer, x, before, states, circuits, records[layer.layer_id])
        if rest is not None and rest.reached([*before.values()], [s[0] for s in states.values()]):
            break
    outcome = Outcome(states=states, circuits=circuits)
    for i, record in records.items():
        outcome.histories[i] = torch.stack(record.outputs, 1)
        for recorded, kept in ((record.phi, outcome.phi), (record.g, outcome.g)):
            sequence = stacked(recorded)
            if sequence is not None:
                kept[i] = sequence
    return outcome


def _advance(
    f: Forward,
    layer: Layer,
    x: Tensor,
    before: Mapping[int, Tensor],
    states: dict[int, State],
    circuits: dict[str, EdgeState],
    record: _Steps,
) -> None:
    """One step of one layer; ``states`` has what Gauss-Seidel sees, ``before`` what Jacobi sees."""
    i = layer.layer_id
    now, state = f.nows[i], states[i]
    if "perturb_each_step" in f.compat:
        now.noise.forget()
    if f.driven(layer):
        states[i] = (now.noise("s", x), *state[1:])
    else:
        phi = layer.shaken(_inbound(f, layer, x, before, states, circuits), now)
        loop = f.loop(i)
        if loop is not None:
            back, circuits[loop.key] = f.edges[loop.key].step(state[0], circuits[loop.key])
            phi = phi + back
        if "restarted_cells" in f.compat and isinstance(layer, Carrying):
            state = layer.start(state[0])
        step = layer.step(phi, state, now)
        states[i] = step.state
        if step.phi is not None:
            record.phi.append(step.phi)
        if step.g is not None:
            record.g.append(step.g)
    record.outputs.append(states[i][0])


def _inbound(
    f: Forward,
    layer: Layer,
    x: Tensor,
    before: Mapping[int, Tensor],
    states: Mapping[int, State],
    circuits: dict[str, EdgeState],
) -> Tensor:
    """The flux that reaches a layer at one step, (batch, nodes)."""
    phi = x if layer is f.layers[0] else x.new_zeros(x.shape[0], layer.params.dim)
    for c in f.into(layer.layer_id):
        edge, state = f.edges[c.key], circuits[c.key]
        if f.late:
            reached, circuits[c.key] = edge.delayed(before[c.from_layer], state)
        else:
            reached, circuits[c.key] = edge.step(states[c.from_layer][0], state)
        phi = phi + reached
    return phi
