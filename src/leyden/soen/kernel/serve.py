"""Hands a layer's sequence to the fastest way that serves it."""

from __future__ import annotations

from torch import Tensor

from ..torch.edges import Edge, EdgeState
from ..torch.layer import Layer, Now, Rolled, State
from . import lean
from .drawn import LayerDraws, WeightDraws
from .members import Joint, Member, stepped
from .ways import decide, rich


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
    return lean.alone(layer, phi, state[0], loop, now, decision.way, observed=observed)


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
