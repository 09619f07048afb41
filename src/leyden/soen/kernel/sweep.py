"""Step by step evaluation without stepping: where it comes to the same, in fewer and larger operations.

Without feedback between layers, Gauss-Seidel is layer by layer evaluation, and Jacobi is the same with every
connection one step late. With feedback, the layers from the first that it reaches to the last that it leaves
are the core: they step together in one call of the kernel. Layers before and behind go one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..connections import Connection
from ..torch.edges import Circuits, Fixed
from ..torch.kinds.recurrent import Cell
from ..torch.layer import Layer, Rolled
from ..torch.rates import Rates
from .cells import Drive, Plan, Segment, compiled
from .connections import carried
from .drawn import Draws, LayerDraws, WeightDraws
from .fused import driven
from .members import Joint, Member, stepped
from .ways import ARMS, OFFSETS, Decision, allowed, circuits_problem, decide, rich, source_name

if TYPE_CHECKING:
    from ..torch.evaluate import Forward, Outcome


@dataclass(frozen=True)
class Parts:
    """The layers of a stepwise circuit in order of evaluation.

    Args:
        heads: Those before any feedback.
        core: Those that step together.
        tails: Those behind.
    """

    heads: Sequence[Layer]
    core: Sequence[Layer]
    tails: Sequence[Layer]


def parted(f: Forward) -> Parts:
    """The parts of a stepwise circuit; what draws at every step is in the core, for the order of draws."""
    place = {layer.layer_id: n for n, layer in enumerate(f.layers)}
    steps = [layer.layer_id for layer in f.layers if not f.driven(layer)]
    inside = {place[i] for i in steps if f.nows[i].noise.levels.keys}
    for c in f.connections:
        source, target = place[c.from_layer], place[c.to_layer]
        if c.to_layer in steps and source > target:
            inside |= {source, target}
        if c.to_layer in steps and f.edges[c.key].disturbed:
            inside.add(target)
    if not inside:
        return Parts(f.layers, (), ())
    first, last = min(inside), max(inside) + 1
    return Parts(f.layers[:first], f.layers[first:last], f.layers[last:])


def decide_sweep(f: Forward) -> Decision:
    """How the core of a stepwise circuit is evaluated, and why."""
    if allowed() == "steps":
        return Decision("steps", "asked for")
    if f.simulation.early_stopping_forward_pass:
        return Decision("steps", "early stopping looks at every step")
    if any(layer.params.solver != "FE" for layer in f.layers):
        return Decision("steps", "a solver takes whole sequences")
    if "restarted_cells" in f.compat and any(isinstance(layer, Cell) for layer in f.layers):
        return Decision("steps", "cells start anew at every step")
    core = parted(f).core
    if core and torch.compiler.is_compiling() and not _is_lean(f, core):
        return Decision("steps", "torch.compile has no operator for it")
    for layer in core:
        i, loop = layer.layer_id, f.loop(layer.layer_id)
        found = decide(layer, f.x, None if loop is None else f.edges[loop.key], f.nows[i])
        if found.way != "compiled":
            return Decision("steps", f"layer {i}: {found.why}")
        for c in f.into(i):
            edge = f.edges[c.key]
            if isinstance(edge, Circuits) and (reason := circuits_problem(edge, f.x)):
                return Decision("steps", f"{c.key}: {reason}")
    return Decision("compiled")


def swept(
    f: Forward, outcome: Outcome, layerwise: Callable[[Forward, Sequence[Layer], Outcome], None]
) -> Outcome | None:
    """Fill in what a stepwise forward comes to, None where only steps will do.

    Args:
        f: The forward.
        outcome: Empty but for the circuits' first states.
        layerwise: Adds layers one after the other.
    """
    if decide_sweep(f).way != "compiled":
        return None
    parts = parted(f)
    draws = _Drawn(f, parts.core)
    heads, first = parts.heads, f.layers[0]
    if f.driven(first):
        state = f.states[first.layer_id]
        history = torch.cat([state[0].unsqueeze(1), draws.input.all(1).on(f.x)], 1)
        outcome.add(first.layer_id, Rolled(history, (history[:, -1], *state[1:])))
        heads = heads[1:]
    layerwise(f, heads, outcome)
    if parts.core:
        fluxes = [_from_outside(f, layer, parts, outcome, draws) for layer in parts.core]
        core = _lean if _is_lean(f, parts.core) else _rich
        for layer, rolled in zip(parts.core, core(f, parts.core, fluxes, draws, outcome), strict=True):
            outcome.add(layer.layer_id, rolled)
    layerwise(f, parts.tails, outcome)
    return outcome


class _Drawn:
    """Everything that is drawn for the core and for the input, in the order of steps.

    Args:
        f: The forward.
        core: The layers that step together.
    """

    def __init__(self, f: Forward, core: Sequence[Layer]) -> None:
        first = f.layers[0]
        self.input = Draws(f.nows[first.layer_id].noise, "s", f.x[:, 0])
        self.layers = {
            layer.layer_id: LayerDraws(layer, f.nows[layer.layer_id], f.states[layer.layer_id][0])
            for layer in core
        }
        self.weights = {c.key: WeightDraws(f.edges[c.key]) for c in f.connections}
        noisy = any(now.noise.levels.keys for now in f.nows.values())
        if not noisy and all(edge.disturbed is None for edge in f.edges.values()):
            return
        for _ in range(f.x.shape[1]):
            for layer in f.layers:
                if "perturb_each_step" in f.compat:
                    f.nows[layer.layer_id].noise.forget()
                if f.driven(layer):
                    self.input.take()
                elif layer.layer_id in self.layers:
                    self._take(f, layer)

    def _take(self, f: Forward, layer: Layer) -> None:
        own = self.layers[layer.layer_id]
        for c in f.into(layer.layer_id):
            self.weights[c.key].take()
        own.phi.take()
        if (loop := f.loop(layer.layer_id)) is not None:
            self.weights[loop.key].take()
        own.take()


def _jacobi(f: Forward) -> bool:
    return f.simulation.network_evaluation_method == "stepwise_jacobi"


def _from_outside(f: Forward, layer: Layer, parts: Parts, outcome: Outcome, draws: _Drawn) -> Tensor:
    """The flux into a layer of the core from the input and the heads, (batch, time, nodes)."""
    if layer is f.layers[0]:
        return f.x
    phi = None
    for c in f.into(layer.layer_id):
        if c.from_layer in outcome.histories:
            source, state = outcome.histories[c.from_layer], f.circuits[c.key]
            flux, outcome.circuits[c.key] = carried(
                f.edges[c.key], source, state, late=_jacobi(f), draws=draws.weights[c.key]
            )
            phi = flux if phi is None else phi + flux
    return f.x.new_zeros(*f.x.shape[:2], layer.params.dim) if phi is None else phi


def _within(f: Forward, core: Sequence[Layer]) -> list[tuple[Connection, int, int]]:
    """The connections within the core, sorted by target, with the places of their source and target in it."""
    place = {layer.layer_id: n for n, layer in enumerate(core)}
    loops = [f.loop(layer.layer_id) for layer in core]
    found = [
        (c, place[c.from_layer], place[c.to_layer])
        for layer, loop in zip(core, loops, strict=True)
        for c in (*f.into(layer.layer_id), *([] if loop is None else [loop]))
        if c.from_layer in place
    ]
    return found


def _rich(
    f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor], draws: _Drawn, outcome: Outcome
) -> list[Rolled]:
    """The core by the loop that knows every kind of layer, connection and noise."""
    members = [
        Member(layer=layer, now=f.nows[i], draws=draws.layers[i], phi=phi, state=f.states[i])
        for layer, phi in zip(core, fluxes, strict=True)
        for i in [layer.layer_id]
    ]
    within, jacobi = _within(f, core), _jacobi(f)
    joints = [
        Joint(
            edge=f.edges[c.key],
            draws=draws.weights[c.key],
            state=f.circuits[c.key],
            source=source,
            target=target,
            late=jacobi and source != target,
            fresh=not jacobi and source < target,
        )
        for c, source, target in within
    ]
    rolled, circuits = stepped(members, joints, jacobi=jacobi, observed=f.simulation.tracks)
    outcome.circuits |= {c.key: state for (c, _, _), state in zip(within, circuits, strict=True)}
    return rolled


# ------------------------------------------------------------------ nodes with one state and matrices


def _is_lean(f: Forward, core: Sequence[Layer]) -> bool:
    """Whether the core is nothing but nodes with one state and matrices, without noise."""
    edges = [f.edges[c.key] for c, _, _ in _within(f, core)]
    if any(type(e) is not Fixed or e.disturbed for e in edges):
        return False
    if any(f.nows[la.layer_id].noise.levels.keys or rich(la, None, f.nows[la.layer_id]) for la in core):
        return False
    kinds = {(type(layer), source_name(f.nows[layer.layer_id])) for layer in core}
    return not _jacobi(f) or len(kinds) == 1


def _lean(
    f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor], draws: _Drawn, outcome: Outcome
) -> list[Rolled]:
    """The core by the lean loop."""
    ends = [*accumulate(layer.params.dim for layer in core)]
    places = [slice(end - layer.params.dim, end) for end, layer in zip(ends, core, strict=True)]
    history = compiled(_drive(f, core, fluxes), _plan(f, core, places))
    histories = [history[:, :, place] for place in places]
    observe = f.simulation.tracks
    return [
        Rolled(
            own,
            (own[:, -1],),
            (),
            *(_observed(f, core, n, fluxes[n], histories) if observe else (None, None)),
        )
        for n, own in enumerate(histories)
    ]


def _plan(f: Forward, core: Sequence[Layer], places: Sequence[slice]) -> Plan:
    segments: list[Segment] = []
    for layer, place in zip(core, places, strict=True):
        name = source_name(f.nows[layer.layer_id])
        assert name is not None
        segments.append(Segment(place.start, place.stop, name, ARMS[type(layer)]))
    if _jacobi(f):  # nobody sees a new state: one segment
        segments = [Segment(0, segments[-1].stop, segments[0].source, segments[0].arms)]
    rates = next((n.source for n in f.nows.values() if isinstance(n.source, Rates)), None)
    return Plan(segments, rates)


def _drive(f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor]) -> Drive:
    values = [f.nows[layer.layer_id].values for layer in core]
    offsets = [v[OFFSETS[ARMS[type(layer)]]] for v, layer in zip(values, core, strict=True)]
    names = ("bias_current", "gamma_plus", "gamma_minus")
    bias, plus, minus = (torch.cat([v[name] for v in values]) for name in names)
    return Drive(
        phi=torch.cat([*fluxes], 2),
        weight=torch.cat([_row(f, layer, core) for layer in core]),
        offset=torch.cat(offsets),
        bias=bias,
        plus=plus,
        minus=minus,
        start=torch.cat([f.states[layer.layer_id][0] for layer in core], 1),
        dt=f.nows[core[0].layer_id].dt,
    )


def _row(f: Forward, layer: Layer, core: Sequence[Layer]) -> Tensor:
    """The weights into a layer from all layers of the core, (to, all nodes)."""
    weights = {c.from_layer: f.edges[c.key].weight for c in f.into(layer.layer_id)}
    if (loop := f.loop(layer.layer_id)) is not None:
        weights[layer.layer_id] = f.edges[loop.key].weight
    absent = f.x.new_zeros
    return torch.cat([weights.get(s.layer_id, absent(layer.params.dim, s.params.dim)) for s in core], 1)


def _observed(
    f: Forward, core: Sequence[Layer], number: int, phi: Tensor, histories: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The flux that a layer's source function saw and what it gave."""
    layer = core[number]
    before, arms, now = histories[number][:, :-1], ARMS[type(layer)], f.nows[layer.layer_id]
    for c, source, target in _within(f, core):
        if target == number:
            new = source < target and not _jacobi(f)
            states = histories[source][:, 1:] if new else histories[source][:, :-1]
            phi = phi + states @ f.edges[c.key].weight.t()
    offset, bias = now.values[OFFSETS[arms]], now.values["bias_current"]
    g = driven(now.source, arms, phi, offset, bias, before)
    return (phi + offset if arms == 1 else phi), g
