"""Nodes with one state each over a sequence: the compiled time loop and its adjoint as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..torch.rates import Rates
from . import abi

#: source function evaluations and multiplications below which a second thread costs more than it saves
SMALL = 2e7
#: a source function costs about as much as so many multiplications
EVALUATION = 80


@dataclass(frozen=True)
class Segment:
    """Nodes that step together.

    Args:
        start: First node.
        stop: Behind the last one.
        source: Name of the source function, one of ``abi.SOURCES``.
        arms: 1 for dendrites, 2 for multipliers.
    """

    start: int
    stop: int
    source: str
    arms: int = 1


@dataclass(frozen=True)
class Plan:
    """What a call of the kernel does besides its tensors.

    Args:
        segments: In the order of a step; each sees the new states of those before it.
        rates: The rate table, where a source function looks it up.
    """

    segments: Sequence[Segment]
    rates: Rates | None = None

    def earlier(self, like: Tensor) -> Tensor:
        """Which weights (to, from) carry a state of the same step."""
        segment = torch.empty(self.segments[-1].stop, dtype=torch.long, device=like.device)
        for n, s in enumerate(self.segments):
            segment[s.start : s.stop] = n
        return segment[None, :] < segment[:, None]


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The tensors of a call.

    Args:
        phi: External flux, (batch, time, nodes).
        weight: Recurrent weights, (to, from); None without any.
        offset: Flux of each node, (nodes,); multipliers add it in one arm and take it away in the other.
        bias: Bias current, (nodes,).
        plus: Drive, (nodes,).
        minus: Leak, (nodes,).
        start: States before the first step, (batch, nodes).
        dt: Time step, a scalar.
        g_noise: Added to what the source function gives, (batch, time, nodes).
        s_noise: Added to new states, likewise.
    """

    phi: Tensor
    weight: Tensor | None
    offset: Tensor
    bias: Tensor
    plus: Tensor
    minus: Tensor
    start: Tensor
    dt: Tensor
    g_noise: Tensor | None = None
    s_noise: Tensor | None = None

    @classmethod
    def of(cls, tensors: Sequence[Any]) -> Drive:
        """A call of these tensors, in the order of the fields."""
        phi, weight, offset, bias, plus, minus, start, dt, g_noise, s_noise = tensors
        return cls(
            phi=phi, weight=weight, offset=offset, bias=bias, plus=plus, minus=minus, start=start, dt=dt,
            g_noise=g_noise, s_noise=s_noise,
        )  # fmt: skip

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """All of them, in the order of the fields."""
        return (
            self.phi, self.weight, self.offset, self.bias, self.plus, self.minus, self.start, self.dt,
            self.g_noise, self.s_noise,
        )  # fmt: skip


def compiled(drive: Drive, plan: Plan) -> Tensor:
    """History of the states, (batch, time + 1, nodes), by the compiled kernel."""
    if torch.compiler.is_compiling():
        from .operators import traced

        return traced(drive, plan)
    return _Compiled.apply(*drive.tensors, plan)  # type: ignore[no-any-return]


def weight_gradient(flux: Tensor, history: Tensor, plan: Plan) -> Tensor:
    """Gradient of the recurrent weights.

    Args:
        flux: Gradient of the flux at each step, (batch, time + 1, nodes), zero at the last: so samples lie
            one behind the other, and one matrix product sums over both.
        history: (batch, time + 1, nodes).
        plan: Which states each segment saw.
    """
    nodes = flux.shape[-1]
    rows, states = flux.reshape(-1, nodes), history.reshape(-1, nodes)
    found = rows.t() @ states
    if len(plan.segments) == 1:
        return found
    return torch.where(plan.earlier(found), rows[:-1].t() @ states[1:], found)


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        *tensors, plan = given
        keep = any(ctx.needs_input_grad)
        drive = laid(Drive.of(tensors))
        history, flux = advance(drive, plan, keep)
        if keep:
            ctx.save_for_backward(history, flux, *drive.tensors[1:-1])
            ctx.plan = plan
        return history

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        history, flux, *tensors = ctx.saved_tensors
        needs, drive = ctx.needs_input_grad, Drive.of([flux, *tensors, None])
        found = retreat(grads[0], history, flux, drive, ctx.plan)
        weight = weight_gradient(found.flux, history, ctx.plan) if needs[1] else None
        return (*gradients(found, weight, drive, by_dt=needs[7]), None)


class Found(NamedTuple):
    """What the adjoint finds.

    Args:
        flux: Gradient of the flux at each step, (batch, time + 1, nodes), zero at the last.
        start: Gradient of the states before the first step, (batch, nodes).
        sums: Gradients of offset, bias, drive and leak, (4, nodes).
    """

    flux: Tensor
    start: Tensor
    sums: Tensor


def laid(drive: Drive) -> Drive:
    """The same tensors as the library reads them: samples may lie apart in ``phi``, all else is dense."""
    phi, *others = drive.tensors
    assert phi is not None
    phi = phi if rows_follow(phi) else phi.contiguous()
    return Drive.of([phi, *(t if t is None else t.contiguous() for t in others)])


def advance(drive: Drive, plan: Plan, keep: bool) -> tuple[Tensor, Tensor | None]:
    """The history, and the flux at each step (batch, time, nodes) where a backward pass is to come."""
    phi = drive.phi
    batch, steps, nodes = phi.shape
    history = phi.new_empty(batch, steps + 1, nodes)
    history[:, 0] = drive.start
    flux = phi.new_empty(batch, steps, nodes) if keep else None
    call = _call(plan, drive, history, flux)
    call.phi, call.phi_stride, call.s_noise = phi.data_ptr(), phi.stride(0), _address(drive.s_noise)
    abi.library().call("leyden_soen_cells", phi.dtype == torch.float64, call)
    return history, flux


def retreat(given: Tensor, history: Tensor, flux: Tensor, drive: Drive, plan: Plan) -> Found:
    """The adjoint of ``advance`` for the gradient of the history, (batch, time + 1, nodes)."""
    given = given if rows_follow(given) else given.contiguous()
    batch, _, nodes = history.shape
    by_flux, start = torch.empty_like(history), history.new_empty(batch, nodes)
    sums = torch.zeros(4, nodes, dtype=torch.float64)
    adjoint = abi.CellsAdjoint(
        given.stride(0), given.data_ptr(), by_flux.data_ptr(), start.data_ptr(), sums.data_ptr()
    )
    double = history.dtype == torch.float64
    abi.library().call("leyden_soen_cells_adjoint", double, _call(plan, drive, history, flux), adjoint)
    return Found(by_flux, start, sums.to(history.dtype))


def gradients(found: Found, weight: Tensor | None, drive: Drive, *, by_dt: bool) -> tuple[Tensor | None, ...]:
    """Gradients in the order of the fields of ``Drive``."""
    offset, bias, by_plus, by_minus = found.sums.unbind()
    # both sums carry a factor dt
    dt = ((drive.plus * by_plus + drive.minus * by_minus).sum() / drive.dt).reshape(drive.dt.shape)
    return (
        found.flux[:, :-1], weight, offset, bias, by_plus, by_minus, found.start, dt if by_dt else None,
        None, None,
    )  # fmt: skip


def _call(plan: Plan, drive: Drive, history: Tensor, flux: Tensor | None) -> abi.Cells:
    batch, longer, nodes = history.shape
    segments = [abi.Segment(s.start, s.stop, abi.SOURCES.index(s.source), s.arms) for s in plan.segments]
    work = batch * (longer - 1) * nodes * ((0 if drive.weight is None else 2 * nodes) + EVALUATION)
    call = abi.Cells(
        batch=batch,
        steps=longer - 1,
        nodes=nodes,
        segments=len(segments),
        threads=threads(batch, work),
        flux=_address(flux),
        history=_address(history),
        weight=_address(drive.weight),
        offset=_address(drive.offset),
        bias=_address(drive.bias),
        plus=_address(drive.plus),
        minus=_address(drive.minus),
        g_noise=_address(drive.g_noise),
        segment=(abi.Segment * len(segments))(*segments),
        dt=float(drive.dt),
    )
    if plan.rates is not None:
        call.table = table(plan.rates)
    return call


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
