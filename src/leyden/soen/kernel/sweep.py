"""Step by step evaluation without stepping: where it comes to the same, in fewer and larger operations.

Without feedback between layers, Gauss-Seidel is layer by layer evaluation, and Jacobi is the same with every
connection one step late. With feedback, the layers from the first that it reaches to the last that it leaves
are the core: they step together in one call of the kernel. Layers before and behind go one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..torch.edges import Circuits
from ..torch.kinds.recurrent import Carrying
from ..torch.layer import Layer, Rolled
from .connections import carried
from .core import Parts, parted, within
from .drawn import Draws, LayerDraws, WeightDraws
from .lean import in_step, is_lean
from .members import Joint, Member, stepped
from .ways import Decision, allowed, circuits_problem, decide

if TYPE_CHECKING:
    from ..torch.evaluate import Forward, Outcome


def decide_sweep(f: Forward) -> Decision:
    """How the core of a stepwise circuit is evaluated, and why."""
    if allowed() == "steps":
        return Decision("steps", "asked for")
    if f.simulation.early_stopping_forward_pass:
        return Decision("steps", "early stopping looks at every step")
    if any(layer.params.solver != "FE" for layer in f.layers):
        return Decision("steps", "a solver takes whole sequences")
    if "restarted_cells" in f.compat and any(isinstance(layer, Carrying) for layer in f.layers):
        return Decision("steps", "cells start anew at every step")
    core = parted(f).core
    if core and torch.compiler.is_compiling() and not is_lean(f, core):
        return Decision("steps", "torch.compile has no operator for it")
    for layer in core:
        i = layer.layer_id
        found = decide(layer, f.x, f.loop_edge(i), f.nows[i])
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
        if is_lean(f, parts.core):
            rolled = in_step(f, parts.core, fluxes)
        else:
            rolled = _rich(f, parts.core, fluxes, draws, outcome)
        for layer, one in zip(parts.core, rolled, strict=True):
            outcome.add(layer.layer_id, one)
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


def _from_outside(f: Forward, layer: Layer, parts: Parts, outcome: Outcome, draws: _Drawn) -> Tensor:
    """The flux into a layer of the core from the input and the heads, (batch, time, nodes)."""
    if layer is f.layers[0]:
        return f.x
    phi = None
    for c in f.into(layer.layer_id):
        if c.from_layer in outcome.histories:
            source, state = outcome.histories[c.from_layer], f.circuits[c.key]
            flux, outcome.circuits[c.key] = carried(
                f.edges[c.key], source, state, late=f.late, draws=draws.weights[c.key]
            )
            phi = flux if phi is None else phi + flux
    return f.x.new_zeros(*f.x.shape[:2], layer.params.dim) if phi is None else phi


def _rich(
    f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor], draws: _Drawn, outcome: Outcome
) -> list[Rolled]:
    """The core by the loop that knows every kind of layer, connection and noise."""
    members = [
        Member(layer=layer, now=f.nows[i], draws=draws.layers[i], phi=phi, state=f.states[i])
        for layer, phi in zip(core, fluxes, strict=True)
        for i in [layer.layer_id]
    ]
    edges, late = within(f, core), f.late
    joints = [
        Joint(
            edge=f.edges[c.key],
            draws=draws.weights[c.key],
            state=f.circuits[c.key],
            source=source,
            target=target,
            late=late and source != target,
            fresh=not late and source < target,
        )
        for c, source, target in edges
    ]
    rolled, circuits = stepped(members, joints, jacobi=late, observed=f.simulation.tracks)
    outcome.circuits |= {c.key: state for (c, _, _), state in zip(edges, circuits, strict=True)}
    return rolled
