"""Says in words how a network's parts are computed, and why not faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..torch.edges import product
from ..torch.prepare import prepared
from .connections import decide_edge
from .core import parted
from .sweep import decide_sweep
from .ways import Decision, decide

if TYPE_CHECKING:
    from ..torch.network import Network

WORDS = {"compiled": "compiled kernel", "fused": "torch operations, one pass", "steps": "step by step"}


def explained(network: Network) -> str:
    """A line for each layer and connection of a network: how a forward of it is computed, and why."""
    x = torch.zeros(1, 1, network.input_width, dtype=network.dt.dtype, device=network.dt.device)
    f = prepared(network, x, {}, None)
    lines, alone = list[str](), f.layers
    if f.simulation.stepwise:
        decision, parts = decide_sweep(f), parted(f)
        if decision.way == "steps":
            return f"all layers together: {_told(decision)}"
        alone = [*parts.heads, *parts.tails]
        if parts.core:
            names = ", ".join(str(layer.layer_id) for layer in parts.core)
            lines.append(f"layers {names} together: {_told(decision)}")
    for layer in alone:
        name = f"layer {layer.layer_id} ({type(layer).__name__})"
        for c in f.into(layer.layer_id):
            edge = f.edges[c.key]
            how = "one matrix product" if product(edge) else _told(decide_edge(edge, x))
            lines.append(f"{c.key}: {how}")
        if f.driven(layer):
            lines.append(f"{name}: is the input")
        elif layer.memoryless:
            lines.append(f"{name}: all steps at once")
        else:
            flux = x.new_zeros(1, 1, layer.params.dim)
            own = f.loop_edge(layer.layer_id)
            if layer.sequence(flux, f.states[layer.layer_id], own, f.nows[layer.layer_id]) is not None:
                lines.append(f"{name}: all steps in one operation")
                continue
            lines.append(f"{name}: {_told(decide(layer, flux, own, f.nows[layer.layer_id]))}")
    return "\n".join(lines)


def _told(decision: Decision) -> str:
    return WORDS[decision.way] + (f", because {decision.why}" if decision.why else "")
