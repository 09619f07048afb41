"""Decides how the sequence of a layer is computed, in one place, and says why."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..problems import CircuitError
from ..torch.edges import Circuits, Edge, Fixed
from ..torch.kinds.dendrite import SingleDendrite, Soma
from ..torch.kinds.multiplier import MultiplierNOCC, MultiplierWICC
from ..torch.layer import Layer, Now
from ..torch.rates import Rates
from ..torch.sources import CLOSED, Source
from ..torch.tracing import exporting
from . import abi

#: compiled: the C time loop; fused: one operation on torch; steps: one by one, with gradients of any order
Way = Literal["compiled", "fused", "steps"]

#: environment variable with the fastest way that may be taken
VARIABLE = "LEYDEN_SOEN_WAY"

#: the blocks of `at_most` that are open, the last one counts; a plain list, so that compiled code looks at it
_chosen: list[Way] = []

#: kinds that the lean ways know, with their arms
ARMS: dict[type[Layer], int] = {SingleDendrite: 1, MultiplierWICC: 2}
OFFSETS = {1: "phi_offset", 2: "phi_y"}

#: kinds that the kernel knows, with their name and parameters there
KINDS: dict[type[Layer], tuple[str, tuple[str, ...]]] = {
    SingleDendrite: ("dendrite", ("phi_offset", "bias_current", "gamma_plus", "gamma_minus")),
    MultiplierWICC: ("coils", ("phi_y", "bias_current", "gamma_plus", "gamma_minus")),
    MultiplierNOCC: ("arms", ("phi_y", "bias_current", "alpha", "beta", "beta_out")),
    Soma: ("soma", ("phi_offset", "bias_current", "gamma_plus", "gamma_minus", "threshold")),
}


@dataclass(frozen=True)
class Decision:
    """The way that is taken, and in words why no faster one is."""

    way: Way
    why: str = ""


@contextmanager
def at_most(way: Way) -> Generator[None]:
    """Take no faster way than this one inside the block, in any thread; ``steps`` has second derivatives."""
    _chosen.append(_known(way, "at_most"))
    try:
        yield
    finally:
        del _chosen[len(_chosen) - 1 - _chosen[::-1].index(way)]  # the last one: others may be around it


def allowed() -> Way:
    """The fastest way allowed: ``at_most``, else ``LEYDEN_SOEN_WAY``, else all; steps when exported."""
    if exporting():
        return "steps"
    return _chosen[-1] if _chosen else _known(os.environ.get(VARIABLE, "compiled"), VARIABLE)


def _known(way: str, place: str) -> Way:
    for known in get_args(Way):
        if way == known:
            return known
    raise CircuitError([f"{place} must be one of {', '.join(get_args(Way))}, but got {way!r}"])


def decide(layer: Layer, phi: Tensor, loop: Edge | None, now: Now) -> Decision:
    """How the sequence of a layer is computed.

    Args:
        layer: The layer.
        phi: Its flux, (batch, time, nodes).
        loop: Its self connection.
        now: What holds during this forward.
    """
    most = allowed()
    if most == "steps":
        return Decision("steps", "asked for")
    if reason := _stepped(layer, phi, loop, now):
        return Decision("steps", reason)
    # torch operations serve the plain case alone
    slower: Way = "steps" if rich(layer, loop, now) else "fused"
    if most == "fused":
        return Decision(slower, "asked for")
    if torch.compiler.is_compiling():  # as an operator, which takes the way that its machine has
        plain = slower == "fused"
        return Decision("compiled") if plain else Decision("steps", "torch.compile has no operator for it")
    if source_name(now) is None:
        return Decision(slower, "its source function is not in the kernel")
    if isinstance(loop, Circuits) and (reason := circuits_problem(loop, phi)):
        return Decision("steps", f"of its self connection: {reason}")
    problem = unserved(phi)
    return Decision(slower, problem) if problem else Decision("compiled")


def rich(layer: Layer, loop: Edge | None, now: Now) -> bool:
    """Whether a layer is more than the lean loop knows: nodes with one state, a matrix, noise that adds."""
    levels = now.noise.levels
    relative = levels.relative and levels.keys - {"phi"}
    return (
        type(layer) not in ARMS
        or (loop is not None and (type(loop) is not Fixed or loop.disturbed is not None))
        or bool(levels.keys - {"phi", "g", "s"} or relative)
    )


def _stepped(layer: Layer, phi: Tensor, loop: Edge | None, now: Now) -> str:
    """Why every step has to be taken on its own; empty where it has not."""
    # a compiled program has no loop of Newton rounds, so it takes the steps that they solve
    solved = layer.params.solver != "FE" and not torch.compiler.is_compiling()
    if type(layer) not in KINDS or solved:
        return f"a {type(layer).__name__} layer is not in the kernel"
    if learnt(now.source):
        return "its rate table is learnt"
    return unfit(phi, *([] if loop is None else [loop.weight]), *layer.stored())


def circuits_problem(edge: Circuits, source: Tensor) -> str:
    """Why the kernel does not serve the circuits of a connection; empty where it does."""
    if known_name(edge.source) is None:
        return "its source function is not in the kernel"
    return unfit(source, edge.weight, edge.dt) or unserved(source)


def unserved(x: Tensor) -> str:
    """Why the kernel does not serve this machine or device; empty where it does."""
    if x.device.type != "cpu":
        return f"the kernel runs on the processor, not on {x.device.type}"
    return abi.library().problem


def unfit(*tensors: Tensor) -> str:
    """Why tensors cannot be handed to a kernel; empty where they can."""
    first = tensors[0]
    if exporting() or torch.jit.is_tracing():
        return "the circuit is being traced"
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return "torch.func transforms it"
    if first.dtype not in (torch.float32, torch.float64):
        return f"the kernel computes in float32 and float64, but this is {first.dtype}"
    if any(t.dtype != first.dtype or t.device != first.device for t in tensors):
        return "its tensors differ in type or device"
    return ""


def learnt(source: Source) -> bool:
    """Whether a source function is a rate table that has a gradient, which single steps alone know."""
    return isinstance(source, Rates) and source.bordered.requires_grad


def source_name(now: Now) -> str | None:
    """The name that the kernel has for a layer's source function, None where it has none."""
    return known_name(now.source)


def known_name(source: Source) -> str | None:
    """The name that the kernel has for a source function, None where it has none."""
    if learnt(source):
        return None
    if isinstance(source, Rates):
        return "RateArray, edge" if source.edge else "RateArray"
    return next((name for name, known in CLOSED.items() if known is source), None)
