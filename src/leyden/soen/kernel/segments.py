"""Layers that step together over a sequence: the compiled time loop and its adjoint as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..torch.rates import Rates
from . import abi

#: source function evaluations and multiplications below which a second thread costs more than it saves
SMALL = 4e6
#: a source function costs about as much as so many multiplications
EVALUATION = 80


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


@dataclass(frozen=True)
class Form:
    """What a call does besides its tensors.

    Args:
        batch: Samples.
        steps: Time steps.
        kinds: Source function, arms, logarithms and nodes of each segment.
        outers: How many signals come from outside.
        wires: Source, target, whether late.
        rates: The rate table, where a source function looks it up.
    """

    batch: int
    steps: int
    kinds: Sequence[tuple[int, int, bool, int]]
    outers: int
    wires: Sequence[tuple[int, int, bool]]
    rates: Rates | None


#: tensors of a segment, in the order of ``Segment.tensors``
OWN = 8


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
    return _Together.apply(form, *tensors)  # type: ignore[no-any-return]


def form_of(
    segments: Sequence[Segment], outers: Sequence[Tensor], dt: Tensor, rates: Rates | None
) -> tuple[Form, list[Tensor | None]]:
    """A call in two parts: its form, and its tensors: time step, outers, those of the segments, weights."""
    shaped = next(t for t in (*outers, *(s.phi for s in segments)) if t is not None)
    form = Form(
        shaped.shape[0],
        shaped.shape[1],
        [(abi.SOURCES.index(s.source), s.arms, s.logs, s.offset.shape[0]) for s in segments],
        len(outers),
        [(w.source, to, w.late) for to, s in enumerate(segments) for w in s.wires],
        rates,
    )
    weights = [w.weight for s in segments for w in s.wires]
    return form, [dt, *outers, *(t for s in segments for t in s.tensors), *weights]


def advance_all(
    form: Form, tensors: Sequence[Tensor | None], keep: bool
) -> tuple[list[Tensor], list[Tensor | None]]:
    """Histories and, where a backward pass is to come, fluxes (batch, time, nodes) of all segments."""
    dt = tensors[0]
    assert dt is not None
    histories = [dt.new_empty(form.batch, form.steps + 1, nodes) for *_, nodes in form.kinds]
    fluxes = [dt.new_empty(form.batch, form.steps, nodes) if keep else None for *_, nodes in form.kinds]
    call = _Call(form, tensors, histories, fluxes)
    abi.library().call("leyden_soen_cells", dt.dtype == torch.float64, call.cells)
    return histories, fluxes


def retreat_all(
    form: Form,
    tensors: Sequence[Tensor | None],
    histories: Sequence[Tensor],
    fluxes: Sequence[Tensor | None],
    given: Sequence[Tensor | None],
    needs: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of the tensors that need one, from those of the histories."""
    call = _Call(form, tensors, histories, fluxes)
    found: list[Tensor | None] = []
    for n, (t, wanted) in enumerate(zip(tensors, needs, strict=True)):
        # what goes to an outer signal is added up
        make = torch.zeros if 0 < n <= form.outers else torch.empty
        found.append(make(t.shape, dtype=t.dtype) if t is not None and wanted else None)
    call.differentiate(given, found)
    dt = tensors[0]
    assert dt is not None
    abi.library().call("leyden_soen_cells_adjoint", dt.dtype == torch.float64, call.cells)
    if found[0] is not None:
        found[0].fill_(call.cells.by_dt)
    return found


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, form: Form, *tensors: Any) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        keep = any(ctx.needs_input_grad)
        histories, fluxes = advance_all(form, tensors, keep)
        if keep:
            ctx.save_for_backward(*tensors, *histories, *fluxes)
            ctx.form = form
        return tuple(histories)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        form, saved, needs = ctx.form, ctx.saved_tensors, ctx.needs_input_grad[1:]
        end = len(needs)
        middle = end + len(form.kinds)
        found = retreat_all(form, saved[:end], saved[end:middle], saved[middle:], grads, needs)
        return None, *found


class _Call:
    """The structures of one call, and the tensors that they point into.

    Args:
        form: What it does.
        tensors: Time step, outer signals, those of the segments, weights.
        histories: Of each segment.
        fluxes: Of each segment, None where they are not kept.
    """

    def __init__(
        self,
        form: Form,
        tensors: Sequence[Tensor | None],
        histories: Sequence[Tensor],
        fluxes: Sequence[Tensor | None],
    ) -> None:
        self.form = form
        self.held = tensors = [None if t is None else _followed(t) for t in tensors]
        outers, weights = tensors[1 : 1 + form.outers], tensors[1 + form.outers + OWN * len(form.kinds) :]
        self.segments = (abi.Segment * len(form.kinds))()
        for n, (source, arms, logs, nodes) in enumerate(form.kinds):
            at = 1 + form.outers + OWN * n
            *rest, phi, start, g_noise, s_noise = tensors[at : at + OWN]
            self.segments[n] = abi.Segment(
                nodes, source, arms, logs, _stride(phi), _stride(start), 0, _address(phi), _address(start),
                *map(_address, rest), _address(g_noise), _address(s_noise),
                _address(fluxes[n]), _address(histories[n]),
            )  # fmt: skip
        self.outers = (abi.Outer * form.outers)(
            *(abi.Outer(t.shape[2], t.stride(0), t.data_ptr()) for t in outers if t is not None)
        )
        self.wires = (abi.Wire * len(form.wires))(
            *(abi.Wire(*w, _address(t)) for w, t in zip(form.wires, weights, strict=True))
        )
        dt = tensors[0]
        assert dt is not None
        self.cells = abi.Cells(
            form.batch, form.steps, self._threads(), len(form.kinds), form.outers, len(form.wires),
            self.segments, self.outers, self.wires,
            abi.Table() if form.rates is None else table(form.rates), float(dt),
        )  # fmt: skip

    def _threads(self) -> int:
        widths = [nodes for *_, nodes in self.form.kinds]
        products = sum(
            2 * widths[w.to] * (widths[w.source] if w.source >= 0 else self.outers[-1 - w.source].nodes)
            for w in self.wires
        )
        return threads(
            self.form.batch, self.form.batch * self.form.steps * (products + EVALUATION * sum(widths))
        )

    def differentiate(self, given: Sequence[Tensor | None], found: Sequence[Tensor | None]) -> None:
        """Say where the gradients of histories are, and where those of the tensors go."""
        form, given = self.form, [None if g is None else _followed(g) for g in given]
        self.held += given
        for n, t in enumerate(found[1 : 1 + form.outers]):
            self.outers[n].by = _address(t)
        for n, gradient in enumerate(given):
            at, segment = 1 + form.outers + OWN * n, self.segments[n]
            segment.given, segment.given_stride = _address(gradient), _stride(gradient)
            (
                segment.by_offset, segment.by_bias, segment.by_plus, segment.by_minus, segment.by_phi,
                segment.by_start,
            ) = map(_address, found[at : at + OWN - 2])  # fmt: skip
        for n, t in enumerate(found[1 + form.outers + OWN * len(form.kinds) :]):
            self.wires[n].by = _address(t)


def table(rates: Rates) -> abi.Table:
    """A rate table for the library; it points into ``rates``."""
    return abi.Table(
        rates.bordered.data_ptr(), rates.rows, rates.columns, float(rates.low), float(rates.high)
    )


def threads(batch: int, work: float) -> int:
    """How many threads are worth their start."""
    return 1 if work < SMALL else max(1, min(torch.get_num_threads(), batch))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _stride(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.stride(0)


def _followed(t: Tensor) -> Tensor:
    """The tensor laid out such that only its samples may lie apart."""
    return t if t.dim() == 3 and rows_follow(t) else t.contiguous()


def rows_follow(t: Tensor) -> bool:
    """Whether the steps of a sample lie one behind the other; samples may lie apart."""
    return t.stride(2) == 1 and t.stride(1) == t.shape[2]


def refuse_second_derivatives() -> None:
    """A backward pass by hand cannot be differentiated again, and must not pass for a constant.

    Raises:
        RuntimeError: It is asked to record itself (`create_graph=True`).
    """
    if torch.is_grad_enabled():
        raise RuntimeError(
            "circuits have first derivatives only on this way, but create_graph=True asks for more; "
            'run the forward inside `with leyden.soen.kernel.at_most("steps"):`'
        )
