"""One layer, or several with all their weights in one matrix, by the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..torch.rates import Rates
from .cells_call import OWN, CellsCall
from .segments import Segment, Wire, advance_all, form_of, retreat_all, together


@dataclass(frozen=True)
class CellsSegment:
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
class CellsPlan:
    """What a call of the kernel does besides its tensors.

    Args:
        segments: In the order of a step; each sees the new states of those before it.
        rates: The rate table, where a source function looks it up.
    """

    segments: Sequence[CellsSegment]
    rates: Rates | None = None

    def earlier(self, like: Tensor) -> Tensor:
        """Which weights (to, from) carry a state of the same step."""
        segment = torch.empty(self.segments[-1].stop, dtype=torch.long, device=like.device)
        for n, s in enumerate(self.segments):
            segment[s.start : s.stop] = n
        return segment[None, :] < segment[:, None]


@dataclass(frozen=True, kw_only=True)
class CellsDrive:
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
    def of(cls, tensors: Sequence[Any]) -> CellsDrive:
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


def compiled(drive: CellsDrive, plan: CellsPlan) -> Tensor:
    """History of the states, (batch, time + 1, nodes), by the compiled kernel."""
    if torch.compiler.is_compiling():
        from .operators import traced

        return traced(drive, plan)
    histories = together(_nodes(drive, plan), [], drive.dt, plan.rates)
    return histories[0] if len(histories) == 1 else torch.cat(histories, 2)


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


def advance(drive: CellsDrive, plan: CellsPlan, keep: bool) -> tuple[Tensor, Tensor | None]:
    """The history, and the flux at each step (batch, time, nodes) where a backward pass is to come."""
    form, tensors = form_of(_nodes(drive, plan), [], drive.dt, plan.rates)
    histories, fluxes, _ = advance_all(form, tensors, keep)
    return torch.cat(histories, 2), torch.cat([f for f in fluxes if f is not None], 2) if keep else None


def retreat(given: Tensor, history: Tensor, flux: Tensor, drive: CellsDrive, plan: CellsPlan) -> Found:
    """The adjoint of ``advance`` for the gradient of the history, (batch, time + 1, nodes)."""
    form, tensors = form_of(_nodes(drive, plan), [], drive.dt, plan.rates)
    needs = [n < len(tensors) - len(form.wires) for n in range(len(tensors))]
    parts = [[t[..., here].contiguous() for here in _places(plan)] for t in (history, flux, given)]
    histories, fluxes, givens = parts
    found = retreat_all(CellsCall(form, tensors, histories, fluxes), tensors, givens, needs, histories)
    # those of a kind lie a segment apart, behind the time step
    kinds = [[t for t in found[1 + kind :: OWN] if t is not None] for kind in range(OWN - 2)]
    by_flux, sums = torch.nn.functional.pad(torch.cat(kinds[4], 2), (0, 0, 0, 1)), kinds[:4]
    return Found(by_flux, torch.cat(kinds[5], 1), torch.stack([torch.cat(k) for k in sums]))


def weight_gradient(flux: Tensor, history: Tensor, plan: CellsPlan) -> Tensor:
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


def gradients(found: Found, weight: Tensor | None, drive: CellsDrive) -> tuple[Tensor | None, ...]:
    """Gradients in the order of the fields of ``CellsDrive``."""
    offset, bias, by_plus, by_minus = found.sums.unbind()
    # both sums carry a factor dt
    dt = ((drive.plus * by_plus + drive.minus * by_minus).sum() / drive.dt).reshape(drive.dt.shape)
    return (
        found.flux[:, :-1], weight, offset, bias, by_plus, by_minus, found.start, dt,
        None, None,
    )  # fmt: skip


def _places(plan: CellsPlan) -> list[slice]:
    return [slice(s.start, s.stop) for s in plan.segments]


def _nodes(drive: CellsDrive, plan: CellsPlan) -> list[Segment]:
    """The segments with their parts of all tensors."""
    d, places = drive, _places(plan)
    if len(places) == 1:
        places = [slice(None)]  # the tensors themselves

    def part(t: Tensor | None, here: slice) -> Tensor | None:
        return t if t is None or len(places) == 1 else t[..., here]

    return [
        Segment(
            source=s.source,
            arms=s.arms,
            offset=d.offset[here],
            bias=d.bias[here],
            plus=d.plus[here],
            minus=d.minus[here],
            wires=[]
            if d.weight is None
            else [Wire(m, d.weight[here, there], late=m >= n) for m, there in enumerate(places)],
            phi=part(d.phi, here),
            start=part(d.start, here),
            g_noise=part(d.g_noise, here),
            s_noise=part(d.s_noise, here),
        )
        for n, (s, here) in enumerate(zip(plan.segments, places, strict=True))
    ]
