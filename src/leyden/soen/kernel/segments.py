"""Layers that step together over a sequence: the compiled time loop and its adjoint as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..torch.rates import Rates
from . import abi
from .cells_call import OWN, CellsCall, Form
from .derivatives import refuse_more_than_one
from .layout import places, refuse_mixture


@dataclass(frozen=True)
class Wire:
    """A matrix product that brings flux to a segment.

    Args:
        source: Number of the segment whose states it carries; -1 - n for the n-th outer signal.
        weight: (to, from).
        late: Whether it carries the states before a step; else the source must come before the target.
    """

    source: int
    weight: Tensor
    late: bool = False


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Nodes that step together: s' = plus g(flux + offset, bias - s) - minus s.

    Args:
        source: Name of the source function, one of ``abi.SOURCES``.
        arms: 1 for dendrites, 2 for multipliers.
        offset: Flux of each node, (nodes,); multipliers add it in one arm and take it away in the other.
        bias: Bias current, (nodes,).
        plus: Drive, (nodes,).
        minus: Leak, (nodes,).
        logs: Whether drive and leak are given as their logarithms.
        wires: What brings flux from others and from itself.
        phi: Other flux, (batch, time, nodes).
        start: States before the first step, (batch, nodes); zeros where absent.
        g_noise: Added to what the source function gives, (batch, time, nodes).
        s_noise: Added to new states, likewise.
    """

    source: str
    arms: int
    offset: Tensor
    bias: Tensor
    plus: Tensor
    minus: Tensor
    logs: bool = False
    wires: Sequence[Wire] = ()
    phi: Tensor | None = None
    start: Tensor | None = None
    g_noise: Tensor | None = None
    s_noise: Tensor | None = None

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """All but those of the wires, as the operation takes them."""
        return (
            self.offset, self.bias, self.plus, self.minus, self.phi, self.start, self.g_noise, self.s_noise
        )  # fmt: skip


def together(
    segments: Sequence[Segment], outers: Sequence[Tensor], dt: Tensor, rates: Rates | None
) -> tuple[Tensor, ...]:
    """Histories of all segments, (batch, time + 1, nodes) each, by the compiled kernel.

    Args:
        segments: In the order of a step.
        outers: Signals that are known beforehand, (batch, time, nodes) each.
        dt: Time step, a scalar.
        rates: The rate table, where a source function looks it up.
    """
    form, tensors = form_of(segments, outers, dt, rates)
    refuse_mixture(tensors)
    return _Segments.apply(form, *tensors)  # type: ignore[no-any-return]


def form_of(
    segments: Sequence[Segment], outers: Sequence[Tensor], dt: Tensor, rates: Rates | None
) -> tuple[Form, list[Tensor | None]]:
    """A call in two parts: its form, and its tensors: time step, outers, those of the segments, weights."""
    shaped = next(t for t in (*outers, *(s.phi for s in segments)) if t is not None)
    form = Form(
        shaped.shape[0],
        shaped.shape[1],
        [(abi.SOURCES.index(s.source), s.arms, s.logs, s.offset.shape[0]) for s in segments],
        [outer.shape[2] for outer in outers],
        [(w.source, to, w.late) for to, s in enumerate(segments) for w in s.wires],
        rates,
    )
    weights = [w.weight for s in segments for w in s.wires]
    return form, [dt, *outers, *(t for s in segments for t in s.tensors), *weights]


def advance_all(
    form: Form, tensors: Sequence[Tensor | None], keep: bool
) -> tuple[list[Tensor], list[Tensor | None], CellsCall]:
    """Histories and, where a backward pass is to come, fluxes (batch, time, nodes) of all segments."""
    dt = tensors[0]
    assert dt is not None
    histories = [dt.new_empty(form.batch, form.steps + 1, nodes) for *_, nodes in form.kinds]
    fluxes = [dt.new_empty(form.batch, form.steps, nodes) if keep else None for *_, nodes in form.kinds]
    call = CellsCall(form, tensors, histories, fluxes)
    call.advance()
    return histories, fluxes, call


def retreat_all(
    call: CellsCall,
    tensors: Sequence[Tensor | None],
    given: Sequence[Tensor | None],
    needs: Sequence[bool],
    histories: Sequence[Tensor],
) -> list[Tensor | None]:
    """Gradients of the tensors that need one, from those of the histories; noise has none."""
    form, like = call.form, [*tensors]
    for n, history in enumerate(histories):
        first = form.own + OWN * n
        like[first + 4 : first + OWN] = history[:, 1:], history[:, 0], None, None
    found: list[Tensor | None] = []
    for n, (t, wanted) in enumerate(zip(like, needs, strict=True)):
        # what goes to an outer signal is added up
        make = torch.zeros_like if 0 < n < form.own else torch.empty_like
        found.append(make(t, memory_format=torch.contiguous_format) if t is not None and wanted else None)
    call.retreat(given, found)
    return found


class _Segments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, form: Form, *tensors: Any) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        keep = any(ctx.needs_input_grad)
        histories, fluxes, call = advance_all(form, tensors, keep)
        if keep:
            saved = [*form.seen_back(tensors), *histories, *fluxes]
            ctx.save_for_backward(*saved)
            ctx.form = form
            # for one backward pass, as two may run at once; and what it has copied is not worth its memory
            ctx.calls = [] if call.copies else [(call, places(saved))]
        return tuple(histories)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_more_than_one(grads)
        saved, needs = ctx.saved_tensors, ctx.needs_input_grad[1:]
        end = len(needs)
        tensors, histories, fluxes = saved[:end], saved[end : end + len(grads)], saved[end + len(grads) :]
        try:
            call, there = ctx.calls.pop()
        except IndexError:
            call, there = None, []
        if call is None or there != places(saved):  # hooks may bring what was saved back to another place
            call = CellsCall(ctx.form, tensors, histories, fluxes)
        return None, *retreat_all(call, tensors, grads, needs, histories)
