"""The same operation on torch alone: without a compiler, on other devices, for other source functions.

Forwards, a step is a handful of torch operations that record nothing. Backwards, the source function is
differentiated for many steps at once, so that a step back is three operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..torch.sources import Source
from .cells import CellsDrive
from .derivatives import refuse_more_than_one
from .slopes import evaluated
from .threads import few_threads

#: elements of a piece of the backward pass, such that its arrays stay in the second level cache
PIECE = 1 << 16


def fused(drive: CellsDrive, source: Source, arms: int) -> Tensor:
    """History of the states, (batch, time + 1, nodes).

    Args:
        drive: What drives the nodes.
        source: Their source function.
        arms: 1 for dendrites, 2 for multipliers.
    """
    return _Fused.apply(*drive.tensors, source, arms)  # type: ignore[no-any-return]


def driven(source: Source, arms: int, phi: Tensor, offset: Tensor, bias: Tensor, s: Tensor) -> Tensor:
    """What drives a node: a dendrite's source function, or the difference of a multiplier's two arms."""
    up = source(phi + offset, bias - s)
    return up if arms == 1 else up - source(phi - offset, bias + s)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        phi, weight, offset, bias, plus, minus, start, dt, g_noise, s_noise, source, arms = given
        batch, steps, nodes = phi.shape
        # time comes first in here: every step is one contiguous block
        flux = phi.transpose(0, 1).contiguous()
        flux = flux.clone() if flux.data_ptr() == phi.data_ptr() else flux
        history = phi.new_empty(steps + 1, batch, nodes)
        history[0] = start
        back = None if weight is None else weight.t().contiguous()
        g_noises, s_noises = _steps(g_noise), _steps(s_noise)
        quick, gain, kept = evaluated(source), dt * plus, 1.0 - dt * minus
        # without recurrence the flux is known beforehand
        known = quick.fold(flux + offset).unbind(0) if back is None and arms == 1 else None
        with few_threads(batch * nodes):
            for t, (p, s, new) in enumerate(
                zip(flux.unbind(0), history[:-1].unbind(0), history[1:].unbind(0), strict=True)
            ):
                if back is not None:
                    p.addmm_(s, back)
                g = quick.value(quick.fold(p + offset) if known is None else known[t], bias - s)
                if arms == 2:
                    g = g - quick.value(quick.fold(p - offset), bias + s)
                if g_noises is not None:
                    g = g + g_noises[t]
                torch.addcmul(s * kept, gain, g, out=new)
                if s_noises is not None:
                    new.add_(s_noises[t])
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(flux, history, weight, offset, bias, plus, minus, dt, g_noise)
            ctx.source, ctx.arms = source, arms
        return history.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        refuse_more_than_one(grads)
        flux, history, weight, offset, bias, plus, minus, dt, g_noise = ctx.saved_tensors
        given, by_flux = grads[0].transpose(0, 1), torch.empty_like(flux)
        steps, batch, nodes = flux.shape
        wanted = torch.zeros_like(history[0])
        sums = [torch.zeros_like(plus) for _ in range(4)]
        noises = _steps(g_noise)
        size = max(1, PIECE // max(1, batch * nodes))
        for stop in range(steps, 0, -size):
            piece = slice(max(0, stop - size), stop)
            slopes = _slopes(ctx.source, ctx.arms, flux[piece], offset, bias, history[piece])
            if noises is not None:
                slopes[0].add_(torch.stack(noises[piece]))
            after = given[piece.start + 1 : stop + 1]
            with few_threads(batch * nodes):
                wanted = _retreat(
                    wanted, after, slopes, by_flux[piece], weight, (dt, plus, minus), history[piece], sums
                )
        offset_sum, bias_sum, plus_sum, minus_sum = sums
        by_weight = None
        if weight is not None and ctx.needs_input_grad[1]:
            by_weight = by_flux.reshape(-1, nodes).t() @ history[:-1].reshape(-1, nodes)
        by_dt = ((plus * plus_sum + minus * minus_sum).sum() / dt).reshape(dt.shape)
        start = wanted + given[0]
        return (
            by_flux.transpose(0, 1), by_weight, offset_sum, bias_sum, plus_sum, minus_sum, start, by_dt,
            None, None, None, None,
        )  # fmt: skip


def _slopes(
    source: Source, arms: int, flux: Tensor, offset: Tensor, bias: Tensor, before: Tensor
) -> list[Tensor]:
    """g and its derivatives by flux, offset, bias and state at every point, (time, batch, nodes) each."""
    quick = evaluated(source)
    g, by_phi, by_current = quick.slopes(flux + offset, bias - before)
    if arms == 1:
        return [g, by_phi, by_phi, by_current, -by_current]
    down, down_phi, down_current = quick.slopes(flux - offset, bias + before)
    return [
        g - down,
        by_phi - down_phi,
        by_phi + down_phi,
        by_current - down_current,
        -by_current - down_current,
    ]


def _retreat(
    wanted: Tensor,
    given: Tensor,
    slopes: Sequence[Tensor],
    by_flux: Tensor,
    weight: Tensor | None,
    rates: tuple[Tensor, Tensor, Tensor],
    before: Tensor,
    sums: Sequence[Tensor],
) -> Tensor:
    """Some steps backwards: the gradient of the state before them from that of the state behind them.

    Args:
        wanted: Gradient of the state behind the last step, (batch, nodes), by what comes later.
        given: Gradients of the states behind each step as parts of the history, (time, batch, nodes).
        slopes: As ``_slopes`` returns them.
        by_flux: Takes the gradients of the flux.
        weight: Recurrent weights.
        rates: Time step, drive and leak.
        before: States before each step.
        sums: Sums of the gradients of offset, bias, drive and leak, which grow.
    """
    dt, plus, minus = rates
    g, by_phi, by_offset, by_bias, by_state = slopes
    gain = dt * plus
    into, kept = gain * by_phi, (1.0 - dt * minus) + gain * by_state
    whole = torch.empty_like(g)
    rows = zip(
        whole.unbind(0), given.unbind(0), into.unbind(0), kept.unbind(0), by_flux.unbind(0), strict=True
    )
    for all_of_it, own, factor, keep, flux in reversed([*rows]):
        torch.add(wanted, own, out=all_of_it)
        torch.mul(all_of_it, factor, out=flux)
        wanted = all_of_it * keep
        if weight is not None:
            wanted = wanted.addmm_(flux, weight)
    for total, factor, scale in zip(
        sums, (by_offset, by_bias, g, before), (gain, gain, dt, -dt), strict=True
    ):
        total += scale * (whole * factor).sum((0, 1))
    return wanted


def _steps(noise: Tensor | None) -> tuple[Tensor, ...] | None:
    return None if noise is None else noise.unbind(1)
