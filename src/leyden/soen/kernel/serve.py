"""Hands a layer's sequence to the fastest way that serves it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..torch.edges import Edge, EdgeState
from ..torch.layer import Layer, Now, Rolled, State
from ..torch.rates import Rates
from .cells import Drive, Plan, Segment, compiled
from .drawn import LayerDraws, WeightDraws
from .fused import driven, fused
from .members import Joint, Member, stepped
from .ways import ARMS, OFFSETS, Way, decide, rich, source_name


def served(
    layer: Layer,
    phi: Tensor,
    state: State,
    loop: Edge | None,
    loop_state: EdgeState,
    now: Now,
    *,
    observed: bool,
) -> Rolled | None:
    """The whole sequence of a layer, None where every step has to be taken on its own.

    Args:
        layer: The layer.
        phi: External flux, (batch, time, nodes).
        state: Before the first step.
        loop: The self connection.
        loop_state: Of its circuits.
        now: What holds during this forward.
        observed: Whether the flux and g of every step are wanted.
    """
    decision = decide(layer, phi, loop, now)
    if decision.way == "steps":
        return None
    if rich(layer, loop, now):
        return _alone(layer, phi, state, loop, loop_state, now, observed)
    return _lean(layer, phi, state[0], loop, now, decision.way, observed)


def _alone(
    layer: Layer,
    phi: Tensor,
    state: State,
    loop: Edge | None,
    loop_state: EdgeState,
    now: Now,
    observed: bool,
) -> Rolled:
    draws, own = LayerDraws(layer, now, state[0]), [] if loop is None else [WeightDraws(loop)]
    for _ in range(phi.shape[1]):
        for weights in own:
            weights.take()
        draws.take()
    member = Member(layer=layer, now=now, draws=draws, phi=phi, state=state)
    joints = [Joint(edge=d.edge, draws=d, state=loop_state, source=0, target=0) for d in own]
    (rolled,), circuits = stepped([member], joints, jacobi=False, observed=observed)
    return rolled._replace(loop=circuits[0] if circuits else ())


def _lean(
    layer: Layer, phi: Tensor, start: Tensor, loop: Edge | None, now: Now, way: Way, observed: bool
) -> Rolled:
    arms, values = ARMS[type(layer)], now.values
    g_noise, s_noise = _noise(phi, now)
    drive = Drive(
        phi=phi,
        weight=None if loop is None else loop.weight,
        offset=values[OFFSETS[arms]],
        bias=values["bias_current"],
        plus=values["gamma_plus"],
        minus=values["gamma_minus"],
        start=start,
        dt=now.dt,
        g_noise=g_noise,
        s_noise=s_noise,
    )
    if way == "fused":
        history = fused(drive, now.source, arms)
    else:
        name = source_name(now)
        assert name is not None
        rates = now.source if isinstance(now.source, Rates) else None
        history = compiled(drive, Plan((Segment(0, phi.shape[2], name, arms),), rates))
    seen = _observed(drive, history, arms, now) if observed else (None, None)
    return Rolled(history, (history[:, -1],), (), *seen)


def _observed(drive: Drive, history: Tensor, arms: int, now: Now) -> tuple[Tensor, Tensor]:
    """The flux that source functions saw and what they gave, (batch, time, nodes), from the states before."""
    before, phi = history[:, :-1], drive.phi
    if drive.weight is not None:
        phi = phi + before @ drive.weight.t()
    g = driven(now.source, arms, phi, drive.offset, drive.bias, before)
    g = g if drive.g_noise is None else g + drive.g_noise
    # a dendrite shows its flux with the offset, a multiplier what reaches both of its arms
    return (phi + drive.offset if arms == 1 else phi), g


def _noise(phi: Tensor, now: Now) -> tuple[Tensor | None, Tensor | None]:
    """What disturbs g and s, (batch, time, nodes), drawn in the order in which steps would draw it."""
    keys = [key for key in ("g", "s") if key in now.noise.levels.keys]
    if torch.compiler.is_compiling():
        # compiled programs draw other numbers anyway, and a draw a step would make them long
        found = {key: now.noise(key, torch.zeros_like(phi)) for key in keys}
        return found.get("g"), found.get("s")
    zero = torch.zeros_like(phi[:, 0])
    drawn = [[now.noise(key, zero) for key in keys] for _ in range(phi.shape[1])] if keys else []
    found = {key: torch.stack([step[n] for step in drawn], 1) for n, key in enumerate(keys)} if drawn else {}
    return found.get("g"), found.get("s")
