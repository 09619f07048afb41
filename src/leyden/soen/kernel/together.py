"""Layers that step together: the compiled time loop over all of them and its adjoint as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import abi
from .derivatives import refuse_more_than_one
from .layout import refuse_mixture, rows_follow
from .plan import Drive, Link, Plan, Stepped
from .together_call import TogetherAdjoint, TogetherCall


def advanced(drive: Drive, plan: Plan) -> Stepped:
    """All steps of all layers."""
    slots = [slot for slots in drive.slots for slot in slots]
    tensors = [drive.phi, drive.start, drive.hidden, drive.circuits, drive.dt, *slots, *drive.weights]
    refuse_mixture(tensors)
    history, flux, hidden, circuits = _Together.apply(plan, *tensors)  # type: ignore[misc]
    return Stepped(history=history, flux=flux, hidden=hidden, circuits=circuits)


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor | None, ...]:
        plan, phi, start, hidden, circuits, dt, *rest = given
        recorded = any(ctx.needs_input_grad)
        keep = recorded or plan.observed
        phi = phi if rows_follow(phi) else phi.contiguous()
        rest = [t.contiguous() for t in rest]
        batch, steps, nodes = phi.shape
        history = phi.new_empty(batch, steps + 1, nodes)
        hiddens, states = (
            phi.new_empty(batch, steps + 1 if keep else 1, t.shape[1]) for t in (hidden, circuits)
        )
        for array, first in ((history, start), (hiddens, hidden), (states, circuits)):
            array[:, 0] = first
        flux = torch.empty_like(history[:, 1:]) if keep else None
        call = TogetherCall(plan, (history, hiddens, states, flux), dt, rest)
        call.structure.phi, call.structure.phi_stride = phi.data_ptr(), phi.stride(0)
        abi.library().call("leyden_soen_together", phi.dtype == torch.float64, call.structure)
        if recorded:
            ctx.save_for_backward(history, hiddens, states, flux, dt, *rest)
            ctx.plan = plan
            ctx.set_materialize_grads(False)
        if plan.observed:
            return history, flux, hiddens, states[:, -1].clone()
        return history, None, hiddens[:, -1].clone(), states[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_more_than_one(grads)
        history, hiddens, states, flux, dt, *rest = ctx.saved_tensors
        plan: Plan = ctx.plan
        call = TogetherCall(plan, (history, hiddens, states, flux), dt, rest, backwards=True)
        found = TogetherAdjoint(plan, grads, history, hiddens, states)
        double = history.dtype == torch.float64
        abi.library().call("leyden_soen_together_adjoint", double, call.structure, found.structure)
        sums, places = found.sums.to(history.dtype), plan.places()
        slots = [
            sums[n, place] if changing is None else changing
            for place, gradients in zip(places, call.gradients, strict=True)
            for n, changing in enumerate(gradients)
        ]
        outer = _before_noise(plan, found.flux)
        weights: list[Tensor | None] = []
        for n, link in enumerate(plan.links):
            wanted, program = ctx.needs_input_grad[6 + len(slots) + n], call.programs[n]
            flux = found.flux if link.source == link.target else outer
            if not wanted:
                weights.append(None)
            elif program is not None:
                weights.append(program.to(history.dtype))
            else:
                changing = rest[len(slots) + n].dim() == 3
                weights.append(_of_matrix(link, places, flux, history, changing))
        by_dt = sums[abi.SLOTS].sum().reshape(dt.shape)
        return (
            None, outer[:, :-1], found.start, found.hidden, found.circuits, by_dt, *slots, *weights,
        )  # fmt: skip


def _before_noise(plan: Plan, flux: Tensor) -> Tensor:
    """The gradient of the flux before noise acts on it, from that of the whole, (batch, time + 1, nodes)."""
    if all("phi" not in p.noise or p.noise["phi"].share is None for p in plan.parts):
        return flux
    before = flux.clone()
    for place, part in zip(plan.places(), plan.parts, strict=True):
        share = part.noise["phi"].share if "phi" in part.noise else None
        if share is not None:  # the forward has left its derivative there
            before[:, :-1, place] *= 1.0 + share
    return before


def _of_matrix(link: Link, places: Sequence[slice], flux: Tensor, history: Tensor, changing: bool) -> Tensor:
    """The gradient of a matrix from that of the flux it gives, whose last step is zero."""
    flux, states = flux[:, :, places[link.target]], history[:, :, places[link.source]]
    if changing:
        seen = states[:, 1:] if link.fresh else states[:, :-1]
        return flux[:, :-1].permute(1, 2, 0) @ seen.transpose(0, 1)
    rows, columns = flux.flatten(0, 1), states.flatten(0, 1)
    return rows[:-1].t() @ columns[1:] if link.fresh else rows.t() @ columns
