"""Runs one layer over a whole sequence of fluxes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernel.serve import served
from .edges import Edge, EdgeState
from .layer import Layer, Now, Rolled, State


def roll(
    layer: Layer,
    phi: Tensor,
    state: State,
    loop: Edge | None,
    loop_state: EdgeState,
    now: Now,
    *,
    observed: bool = True,
) -> Rolled:
    """All states of a layer under external flux ``phi`` (batch, time, nodes).

    Args:
        layer: The layer.
        phi: The flux, with its noise.
        state: Before the first step.
        loop: The self connection; its flux comes from the state before the step.
        loop_state: Of its circuits.
        now: What holds during this forward.
        observed: Whether the flux and g of every step are wanted.
    """
    if layer.memoryless:
        return _at_once(layer, phi, state, now)
    return (
        layer.sequence(phi, state, loop, now)
        or served(layer, phi, state, loop, loop_state, now, observed=observed)
        or _stepped(layer, phi, state, loop, loop_state, now)
    )


def _at_once(layer: Layer, phi: Tensor, state: State, now: Now) -> Rolled:
    step = layer.step(phi, state, now)
    history = torch.cat([layer.first(state[0], now).unsqueeze(1), step.state[0]], 1)
    return Rolled(history, (history[:, -1],), (), step.phi, step.g)


def _stepped(
    layer: Layer, phi: Tensor, state: State, loop: Edge | None, loop_state: EdgeState, now: Now
) -> Rolled:
    # lists and one stack at the end: writing into a history tensor would make the backward pass quadratic in
    # time
    outputs, fluxes, gs = [state[0]], [], []
    for phi_t in phi.unbind(1):
        if loop is not None:
            back, loop_state = loop.step(state[0], loop_state)
            phi_t = phi_t + back
        step = layer.step(phi_t, state, now)
        state = step.state
        outputs.append(state[0])
        if step.phi is not None:
            fluxes.append(step.phi)
        if step.g is not None:
            gs.append(step.g)
    return Rolled(torch.stack(outputs, 1), state, loop_state, stacked(fluxes), stacked(gs))


def stacked(steps: list[Tensor]) -> Tensor | None:
    """Steps as one sequence, (batch, time, nodes), None where nothing was recorded."""
    return torch.stack(steps, 1) if steps else None
