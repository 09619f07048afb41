"""Step by step evaluation without stepping: where it comes to the same, in fewer and larger operations.

Without feedback between layers, Gauss-Seidel is layer by layer evaluation, and Jacobi is the same with every
connection one step late. With feedback, all layers are segments of one call of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..torch.edges import Fixed
from ..torch.layer import Layer
from ..torch.rates import Rates
from .cells import Drive, Plan, Segment, compiled
from .fused import driven
from .ways import ARMS, OFFSETS, Decision, allowed, decide, source_name

if TYPE_CHECKING:
    from ..torch.evaluate import Forward, Outcome


def flows(f: Forward) -> bool:
    """Whether a stepwise circuit can be evaluated layer by layer: no feedback, nothing drawn at each step."""
    order = [layer.layer_id for layer in f.layers]
    forwards = all(order.index(c.from_layer) <= order.index(c.to_layer) for c in f.connections)
    return allowed() != "steps" and forwards and not _restless(f)


def _restless(f: Forward) -> str:
    """Why only steps will do, whatever the connections; empty where others will."""
    if f.simulation.early_stopping_forward_pass:
        return "early stopping looks at every step"
    if any(now.noise.levels.keys for now in f.nows.values()) or any(e.disturbed for e in f.edges.values()):
        return "noise is drawn step by step"
    if any(layer.params.solver != "FE" for layer in f.layers):
        return "a solver takes whole sequences"
    return "the cell state is reset" if "lstm_cell_reset" in f.compat else ""


def swept(f: Forward, outcome: Outcome) -> Outcome | None:
    """Fill in what a stepwise forward with feedback comes to, None where only steps will do.

    Args:
        f: The forward.
        outcome: Empty.
    """
    if decide_sweep(f).way != "compiled":
        return None
    inner = [layer for layer in f.layers if not f.driven(layer)]
    ends = [*accumulate(layer.params.dim for layer in inner)]
    places = {layer.layer_id: slice(e - layer.params.dim, e) for layer, e in zip(inner, ends, strict=True)}
    drive, plan = _drive(f, inner), _plan(f, inner, places)
    history = compiled(drive, plan)
    for layer in f.layers:
        i = layer.layer_id
        if i in places:
            outcome.histories[i] = history[:, :, places[i]]
        else:
            outcome.histories[i] = torch.cat([f.states[i][0].unsqueeze(1), f.x], 1)
        outcome.states[i] = (outcome.histories[i][:, -1], *f.states[i][1:])
    outcome.circuits = dict(f.circuits)
    if f.simulation.tracks:
        for layer in inner:
            _observe(f, layer, outcome)
    return outcome


def decide_sweep(f: Forward) -> Decision:
    """How a stepwise circuit with feedback is evaluated, and why."""
    if reason := _restless(f):
        return Decision("steps", reason)
    inner = [layer for layer in f.layers if not f.driven(layer)]
    for layer in inner:
        loop = f.loop(layer.layer_id)
        edge = None if loop is None else f.edges[loop.key]
        found = decide(layer, f.x, edge, f.nows[layer.layer_id])
        if found.way != "compiled":
            return Decision("steps", f"layer {layer.layer_id}: {found.why}")
    if any(type(e) is not Fixed for e in f.edges.values()):
        return Decision("steps", "a connection is more than a fixed matrix product")
    kinds = {(type(layer), source_name(f.nows[layer.layer_id])) for layer in inner}
    if _jacobi(f) and len(kinds) > 1:
        return Decision("steps", "Jacobi evaluation of different kinds of layers is not in the kernel")
    return Decision("compiled")


def _jacobi(f: Forward) -> bool:
    return f.simulation.network_evaluation_method == "stepwise_jacobi"


def _plan(f: Forward, inner: Sequence[Layer], places: Mapping[int, slice]) -> Plan:
    segments: list[Segment] = []
    for layer in inner:
        place, name = places[layer.layer_id], source_name(f.nows[layer.layer_id])
        assert name is not None
        segments.append(Segment(place.start, place.stop, name, ARMS[type(layer)]))
    if _jacobi(f):  # nobody sees a new state: one segment
        segments = [Segment(0, segments[-1].stop, segments[0].source, segments[0].arms)]
    rates = next((n.source for n in f.nows.values() if isinstance(n.source, Rates)), None)
    return Plan(segments, rates)


def _drive(f: Forward, inner: Sequence[Layer]) -> Drive:
    values = [f.nows[layer.layer_id].values for layer in inner]
    offsets = [v[OFFSETS[ARMS[type(layer)]]] for v, layer in zip(values, inner, strict=True)]
    names = ("bias_current", "gamma_plus", "gamma_minus")
    bias, plus, minus = (torch.cat([v[name] for v in values]) for name in names)
    return Drive(
        phi=torch.cat([_from_outside(f, layer) for layer in inner], 2),
        weight=torch.cat([_row(f, layer, inner) for layer in inner]),
        offset=torch.cat(offsets),
        bias=bias,
        plus=plus,
        minus=minus,
        start=torch.cat([f.states[layer.layer_id][0] for layer in inner], 1),
        dt=f.nows[inner[0].layer_id].dt,
    )


def _row(f: Forward, layer: Layer, inner: Sequence[Layer]) -> Tensor:
    """The weights into a layer from all layers that step, (to, all nodes)."""
    weights = {c.from_layer: f.edges[c.key].weight for c in f.into(layer.layer_id)}
    if (loop := f.loop(layer.layer_id)) is not None:
        weights[layer.layer_id] = f.edges[loop.key].weight
    absent = f.x.new_zeros
    return torch.cat([weights.get(s.layer_id, absent(layer.params.dim, s.params.dim)) for s in inner], 1)


def _from_outside(f: Forward, layer: Layer) -> Tensor:
    """The flux into a layer from the input, (batch, time, nodes)."""
    first = f.layers[0]
    if layer is first:
        return f.x
    phi = f.x.new_zeros(*f.x.shape[:2], layer.params.dim)
    if f.driven(first):
        x = torch.cat([f.states[first.layer_id][0].unsqueeze(1), f.x[:, :-1]], 1) if _jacobi(f) else f.x
        for c in f.into(layer.layer_id):
            if c.from_layer == first.layer_id:
                phi = phi + x @ f.edges[c.key].weight.t()
    return phi


def _observe(f: Forward, layer: Layer, outcome: Outcome) -> None:
    """Record the flux that a layer's source function saw and what it gave."""
    i, order = layer.layer_id, [la.layer_id for la in f.layers]
    before, arms, now = outcome.histories[i][:, :-1], ARMS[type(layer)], f.nows[i]
    phi = f.x if layer is f.layers[0] else torch.zeros_like(before)
    for c in f.into(i):
        new = order.index(c.from_layer) < order.index(i) and not _jacobi(f)
        source = outcome.histories[c.from_layer]
        phi = phi + (source[:, 1:] if new else source[:, :-1]) @ f.edges[c.key].weight.t()
    if (loop := f.loop(i)) is not None:
        phi = phi + before @ f.edges[loop.key].weight.t()
    offset, bias = now.values[OFFSETS[arms]], now.values["bias_current"]
    outcome.g[i] = driven(now.source, arms, phi, offset, bias, before)
    outcome.phi[i] = phi + offset if arms == 1 else phi
