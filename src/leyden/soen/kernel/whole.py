"""A whole simulation as one operator, for circuits of which `torch.compile` would unroll every step.

The operator runs the circuit the way it runs uncompiled, by whatever is fastest. Its adjoint runs it once
more, since nothing of what the first run recorded survives in a compiled program.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from ..torch.edges import Fixed
from .operators import elsewhere
from .sweep import decide_sweep
from .ways import allowed, decide

if TYPE_CHECKING:
    from ..torch.evaluate import Forward, Outcome
    from ..torch.network import Network

SCHEMA = "(Tensor[] tensors, str key) -> Tensor[]"
ADJOINT = "(Tensor[] grads, Tensor[] tensors, str key, str of) -> Tensor[]"

#: networks by the key that programs know them by
_networks: WeakValueDictionary[str, Network] = WeakValueDictionary()
_numbers = count()


def enrolled(network: Network) -> str:
    """A key under which programs find a network while it lives."""
    key = str(next(_numbers))
    _networks[key] = network
    return key


def fits(f: Forward) -> bool:
    """Whether a simulation is better one operator than many: it takes steps, and nothing else forbids it.

    Noise would be drawn anew when the adjoint runs the circuit again, and what is recorded besides the states
    is not handed out.
    """
    if not torch.compiler.is_compiling() or allowed() == "steps":
        return False
    k = f.simulation
    noisy = any(n.noise.levels.keys for n in f.nows.values()) or any(e.disturbed for e in f.edges.values())
    return not (noisy or k.tracks or k.early_stopping_forward_pass) and _steps(f)


def _steps(f: Forward) -> bool:
    if f.simulation.stepwise and decide_sweep(f).way == "steps":
        return True
    for layer in f.layers:
        i = layer.layer_id
        if f.driven(layer):
            continue
        if any(type(f.edges[c.key]) is not Fixed for c in f.into(i)):
            return True
        if not layer.memoryless and decide(layer, f.x, f.loop_edge(i), f.nows[i]).way == "steps":
            return True
    return False


def simulated(network: Network, f: Forward) -> Outcome:
    """What a forward of a network comes to, by the operator."""
    from ..torch.evaluate import Outcome

    outcome = Outcome()
    states = [s for layer in f.layers for s in f.states[layer.layer_id]]
    circuits = [s for c in f.connections for s in f.circuits[c.key]]
    tensors = [f.x, *states, *circuits, *network.parameters()]
    found = iter(simulate(tensors, network.key))
    for layer in f.layers:
        outcome.histories[layer.layer_id] = next(found)
    for layer in f.layers:
        outcome.states[layer.layer_id] = tuple([next(found) for _ in f.states[layer.layer_id]])
    for c in f.connections:
        outcome.circuits[c.key] = tuple([next(found) for _ in f.circuits[c.key]])
    return outcome


class _Whole(nn.Module):
    """A network whose call gives all that ``simulated`` hands out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, initial: dict[str, Tensor]) -> list[Tensor]:
        f, outcome = self.network.outcome(x, initial)
        states = [s for layer in f.layers for s in outcome.states[layer.layer_id]]
        circuits = [s for c in f.connections for s in outcome.circuits[c.key]]
        return [*(outcome.histories[layer.layer_id] for layer in f.layers), *states, *circuits]


def _run(network: Network, tensors: Sequence[Tensor], *, recorded: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The results for other tensors, and the leaves that they were computed from."""
    names = network.state_names()
    leaves = [t.detach().requires_grad_(recorded) for t in tensors[: 1 + len(names)]]
    weights = [nn.Parameter(t.detach(), recorded) for t in tensors[1 + len(names) :]]
    initial = dict(zip(names, leaves[1:], strict=True))
    instead = {id(p): weight for p, weight in zip(network.parameters(), weights, strict=True)}
    # every place of a weight, but places in a module of two names once: swapped twice, it would stay swapped
    swapped: dict[str, Tensor] = {
        f"{place}.{name}": instead[id(p)]
        for place, module in network.named_modules(prefix="network")
        for name, p in module.named_parameters(recurse=False)
    }
    results = torch.func.functional_call(_Whole(network), swapped, (leaves[0], initial), tie_weights=False)
    return results, [*leaves, *weights]


@torch.library.custom_op("leyden_soen::simulate", mutates_args=(), schema=SCHEMA)
def simulate(tensors: list[Tensor], key: str) -> list[Tensor]:
    """Histories of all layers, then every final state; from the input, every first state, and parameters."""
    with torch.no_grad():
        results, _ = _run(_networks[key], tensors, recorded=False)
        # nothing that an operator gives may share memory
        return [t.clone(memory_format=torch.contiguous_format) for t in results]


@simulate.register_fake
def _(tensors: list[Tensor], key: str) -> list[Tensor]:
    network, (x, *others) = _networks[key], tensors
    batch, steps, _ = x.shape
    histories = [x.new_empty(batch, steps + 1, layer.params.dim) for layer in network.ordered]
    return histories + [s.new_empty(s.shape) for s in others[: len(network.state_names())]]


@torch.library.custom_op("leyden_soen::simulate_adjoint", mutates_args=(), schema=ADJOINT)
def simulate_adjoint(grads: list[Tensor], tensors: list[Tensor], key: str, of: str) -> list[Tensor]:
    """Gradients of what ``simulate`` was given; ``of``: of which results ``grads`` are."""

    def work() -> list[Tensor]:
        results, leaves = _run(_networks[key], tensors, recorded=True)
        pairs = [(results[int(n)], g) for n, g in zip(of.split(), grads, strict=True)]
        pairs = [(result, g) for result, g in pairs if result.requires_grad]
        found = torch.autograd.grad(
            [result for result, _ in pairs], leaves, [g for _, g in pairs], materialize_grads=True
        )
        return [t.clone(memory_format=torch.contiguous_format) for t in found]

    return elsewhere(work, tensors[0].device)


@simulate_adjoint.register_fake
def _(grads: list[Tensor], tensors: list[Tensor], key: str, of: str) -> list[Tensor]:
    return [t.new_empty(t.shape) for t in tensors]


def _saved(ctx: Any, inputs: tuple[list[Tensor], str], output: list[Tensor]) -> None:
    tensors, ctx.key = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grads: list[Tensor | None]) -> tuple[list[Tensor], None]:
    there = {str(n): g for n, g in enumerate(grads) if g is not None}
    return simulate_adjoint([*there.values()], [*ctx.saved_tensors], ctx.key, " ".join(there)), None


simulate.register_autograd(_backward, setup_context=_saved)
