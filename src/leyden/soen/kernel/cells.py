"""Nodes with one state each over a sequence: the compiled time loop and its adjoint as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """All of them, in the order of the fields."""
        return (
            self.phi, self.weight, self.offset, self.bias, self.plus, self.minus, self.start, self.dt,
            self.g_noise, self.s_noise,
        )  # fmt: skip


def compiled(drive: Drive, plan: Plan) -> Tensor:
    """History of the states, (batch, time + 1, nodes), by the compiled kernel."""
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
        phi, weight, offset, bias, plus, minus, start, dt, g_noise, s_noise = tensors
        keep = any(ctx.needs_input_grad)
        phi = phi if rows_follow(phi) else phi.contiguous()
        weight, g_noise, s_noise = (t if t is None else t.contiguous() for t in (weight, g_noise, s_noise))
        offset, bias, plus, minus = (t.contiguous() for t in (offset, bias, plus, minus))
        batch, steps, nodes = phi.shape
        history = phi.new_empty(batch, steps + 1, nodes)
        history[:, 0] = start
        flux = phi.new_empty(batch, steps, nodes) if keep else None
        saved = (flux, history, weight, offset, bias, plus, minus, dt, g_noise)
        call = _call(plan, saved)
        call.phi, call.phi_stride, call.s_noise = phi.data_ptr(), phi.stride(0), _address(s_noise)
        abi.library().call("leyden_soen_cells", phi.dtype == torch.float64, call)
        if keep:
            ctx.save_for_backward(*saved)
            ctx.plan = plan
        return history

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        saved, plan = ctx.saved_tensors, ctx.plan
        _, history, _, _, _, plus, minus, dt, _ = saved
        given = grads[0] if rows_follow(grads[0]) else grads[0].contiguous()
        batch, longer, nodes = history.shape
        flux, start = torch.empty_like(history), history.new_empty(batch, nodes)
        sums = torch.zeros(4, nodes, dtype=torch.float64)
        adjoint = abi.CellsAdjoint(
            given.stride(0), given.data_ptr(), flux.data_ptr(), start.data_ptr(), sums.data_ptr()
        )
        double = history.dtype == torch.float64
        abi.library().call("leyden_soen_cells_adjoint", double, _call(plan, saved), adjoint)
        offset, bias, by_plus, by_minus = sums.to(history.dtype).unbind()
        needs = ctx.needs_input_grad
        return (
            flux[:, : longer - 1],
            weight_gradient(flux, history, plan) if needs[1] else None,
            offset, bias, by_plus, by_minus, start,
            # both sums carry a factor dt
            ((plus * by_plus + minus * by_minus).sum() / dt).reshape(dt.shape) if needs[7] else None,
            None, None, None,
        )  # fmt: skip


def _call(plan: Plan, saved: Sequence[Tensor | None]) -> abi.Cells:
    flux, history, weight, offset, bias, plus, minus, dt, g_noise = saved
    assert history is not None and dt is not None
    batch, longer, nodes = history.shape
    segments = [abi.Segment(s.start, s.stop, abi.SOURCES.index(s.source), s.arms) for s in plan.segments]
    call = abi.Cells(
        batch=batch,
        steps=longer - 1,
        nodes=nodes,
        segments=len(segments),
        threads=threads(
            batch, batch * (longer - 1) * nodes * ((2 * nodes if weight is not None else 0) + EVALUATION)
        ),
        flux=_address(flux),
        history=_address(history),
        weight=_address(weight),
        offset=_address(offset),
        bias=_address(bias),
        plus=_address(plus),
        minus=_address(minus),
        g_noise=_address(g_noise),
        segment=(abi.Segment * len(segments))(*segments),
        dt=float(dt),
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
