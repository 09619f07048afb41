"""The kernel as an operator that `torch.compile` takes as it is, with its shapes and its derivative.

Outside of a compiled program the autograd function of ``cells`` does the same for less: the machinery of
operators costs tens of microseconds a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..torch.rates import Rates
from ..torch.sources import CLOSED, Source
from . import abi
from .cells import CellsDrive, CellsPlan, CellsSegment, Found, advance, gradients, retreat, weight_gradient
from .fused import driven, fused

T = TypeVar("T")

SCHEMA = "(Tensor[] tensors, str plan, bool keep) -> (Tensor, Tensor)"
ADJOINT = "(Tensor given, Tensor history, Tensor[] tensors, str plan) -> (Tensor, Tensor, Tensor)"


def traced(drive: CellsDrive, plan: CellsPlan) -> Tensor:
    """History of the states, (batch, time + 1, nodes), by an operator."""
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in drive.tensors)
    return cells(*_packed(drive, plan), keep)[0]


# ---------------------------------------------------------------------- what an operator may be given


def _packed(drive: CellsDrive, plan: CellsPlan) -> tuple[list[Tensor], str]:
    """Tensors that are there, and all else in words: which are there, the table's size, the segments."""
    tensors = [t for t in drive.tensors if t is not None]
    words = ["".join("0" if t is None else "1" for t in drive.tensors)]
    rates = plan.rates
    if rates is None:
        words.append("")
    else:
        tensors += [rates.bordered, rates.low, rates.high]
        words.append(f"{rates.rows},{rates.columns},{int(rates.edge)}")
    words += [f"{s.start},{s.stop},{s.arms},{s.source}" for s in plan.segments]
    return tensors, ";".join(words)


@lru_cache
def _read(words: str) -> tuple[str, tuple[int, ...], tuple[CellsSegment, ...]]:
    there, size, *segments = words.split(";")
    cut = [s.split(",", 3) for s in segments]
    return (
        there,
        tuple(int(n) for n in size.split(",") if n),
        tuple(CellsSegment(int(start), int(stop), name, int(arms)) for start, stop, arms, name in cut),
    )


def _unpacked(tensors: list[Tensor], words: str) -> tuple[CellsDrive, CellsPlan]:
    there, size, segments = _read(words)
    given = iter(tensors)
    drive = CellsDrive.of([next(given) if t == "1" else None for t in there])
    if not size:
        return drive, CellsPlan(segments)
    rows, columns, edge = size
    bordered, low, high = given
    return drive, CellsPlan(segments, Rates(bordered, rows, columns, low, high, bool(edge)))


# ---------------------------------------------------------------------- the operators


@torch.library.custom_op("leyden_soen::cells", mutates_args=(), schema=SCHEMA)
def cells(tensors: list[Tensor], plan: str, keep: bool) -> tuple[Tensor, Tensor]:
    """The history, and what the adjoint wants to see of the flux, (batch, time, nodes) each."""
    drive, known = _unpacked(tensors, plan)
    if _in_library(drive):
        history, flux = advance(drive, known, keep)
    else:
        history, flux = _on_torch(drive, known).contiguous(), drive.phi.clone() if keep else None
    return history, history.new_empty(0) if flux is None else flux


@cells.register_fake
def _(tensors: list[Tensor], plan: str, keep: bool) -> tuple[Tensor, Tensor]:
    batch, steps, nodes = tensors[0].shape
    history = tensors[0].new_empty(batch, steps + 1, nodes)
    return history, tensors[0].new_empty(batch, steps, nodes) if keep else tensors[0].new_empty(0)


@torch.library.custom_op("leyden_soen::cells_adjoint", mutates_args=(), schema=ADJOINT)
def cells_adjoint(
    given: Tensor, history: Tensor, tensors: list[Tensor], plan: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients that ``cells.Found`` has; ``tensors`` begins with the flux that ``cells`` left."""
    drive, known = _unpacked(tensors, plan)
    if _in_library(drive):
        return retreat(given, history, drive.phi, drive, known)
    flux, *sums, start = elsewhere(lambda: _differentiated(given, drive, known), given.device)
    return torch.cat([flux, torch.zeros_like(flux[:, :1])], 1), start, torch.stack(sums)


@cells_adjoint.register_fake
def _(given: Tensor, history: Tensor, tensors: list[Tensor], plan: str) -> tuple[Tensor, Tensor, Tensor]:
    batch, _, nodes = history.shape
    return torch.empty_like(history), history.new_empty(batch, nodes), history.new_empty(4, nodes)


def _saved(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    tensors, ctx.plan, _ = inputs
    history, flux = output
    ctx.save_for_backward(history, flux, *tensors[1:])


def _backward(ctx: Any, given: Tensor, _: Tensor) -> tuple[Any, ...]:
    history, *tensors = ctx.saved_tensors
    drive, plan = _unpacked(tensors, ctx.plan)
    found = Found(*cells_adjoint(given, history, tensors, ctx.plan))
    weight = None if drive.weight is None else weight_gradient(found.flux, history, plan)
    by = gradients(found, weight, drive)
    present = [g for g, t in zip(by, drive.tensors, strict=True) if t is not None]
    return present + [None] * (len(tensors) - len(present)), None, None


cells.register_autograd(_backward, setup_context=_saved)


# ---------------------------------------------------------------------- where the library cannot serve


def _in_library(drive: CellsDrive) -> bool:
    return drive.phi.device.type == "cpu" and not abi.library().problem


def elsewhere(work: Callable[[], T], device: torch.device) -> T:
    """Run in a thread of its own: within an operator, this one records no gradients."""

    def run() -> T:
        if device.type != "cuda":
            return work()
        with torch.cuda.stream(stream):
            return work()

    stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def _differentiated(given: Tensor, drive: CellsDrive, plan: CellsPlan) -> Sequence[Tensor]:
    """Gradients of flux, offset, bias, drive, leak and start by running again: nothing was recorded."""
    names = ("phi", "offset", "bias", "plus", "minus", "start")
    leaves = {name: getattr(drive, name).detach().requires_grad_() for name in names}
    history = _on_torch(replace(drive, **leaves), plan)
    return torch.autograd.grad(history, [*leaves.values()], given, allow_unused=True, materialize_grads=True)


def _on_torch(drive: CellsDrive, plan: CellsPlan) -> Tensor:
    """The same on torch operations, (batch, time + 1, nodes)."""
    if len(plan.segments) == 1:
        (segment,) = plan.segments
        return fused(drive, _function(segment.source, plan), segment.arms)
    states = [drive.start]
    for phi in drive.phi.unbind(1):
        state = states[-1]
        for segment in plan.segments:
            state = _stepped(drive, plan, segment, phi, state)
        states.append(state)
    return torch.stack(states, 1)


def _stepped(drive: CellsDrive, plan: CellsPlan, segment: CellsSegment, phi: Tensor, state: Tensor) -> Tensor:
    """The states of all nodes after a step of one segment."""
    here = slice(segment.start, segment.stop)
    phi, old = phi[:, here], state[:, here]
    if drive.weight is not None:
        phi = phi + state @ drive.weight[here].t()
    g = driven(_function(segment.source, plan), segment.arms, phi, drive.offset[here], drive.bias[here], old)
    new = old + drive.dt * (drive.plus[here] * g - drive.minus[here] * old)
    return torch.cat([state[:, : segment.start], new, state[:, segment.stop :]], 1)


def _function(name: str, plan: CellsPlan) -> Source:
    return plan.rates if plan.rates is not None and name.startswith("RateArray") else CLOSED[name]
