"""Turns layers and connections of a circuit into what steps together in the kernel, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..torch.edges import Circuits, Edge, EdgeState, NoccEdge, WiccEdge, smooth_abs
from ..torch.kinds.dendrite import Soma
from ..torch.layer import Layer, Now, Rolled, State
from ..torch.rates import among
from .drawn import LayerDraws, WeightDraws
from .plan import Drive, Link, Part, Plan, Stepped
from .together import advanced
from .ways import KINDS, source_name
from .wires import Wires


@dataclass(frozen=True, kw_only=True)
class Member:
    """A layer among those that step together.

    Args:
        layer: The layer.
        now: What holds during this forward.
        draws: What disturbs it.
        phi: External flux, (batch, time, nodes).
        state: Before the first step.
    """

    layer: Layer
    now: Now
    draws: LayerDraws
    phi: Tensor
    state: State


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A connection among layers that step together.

    Args:
        edge: The connection.
        draws: What disturbs it.
        state: Of its circuits before the first step.
        source: Number of the layer it comes from, among the members.
        target: Number of the layer it reaches.
        late: Whether its flux is that of the circuits' states before the step.
        fresh: Whether it sees the new state of its source.
    """

    edge: Edge
    draws: WeightDraws
    state: EdgeState
    source: int
    target: int
    late: bool = False
    fresh: bool = False


def stepped(
    members: Sequence[Member], joints: Sequence[Joint], *, jacobi: bool, observed: bool
) -> tuple[list[Rolled], list[EdgeState]]:
    """What all steps of layers come to, and final states of their connections' circuits.

    Args:
        members: The layers in the order of a step.
        joints: The connections, sorted by target.
        jacobi: Whether all layers see the states before the step.
        observed: Whether the flux and g of every step are wanted.
    """
    values = [m.draws.values() for m in members]
    parts = [_part(m, v) for m, v in zip(members, values, strict=True)]
    links, weights = [_link(j) for j in joints], list[Tensor]()
    for joint, link in zip(joints, links, strict=True):
        weight = joint.draws.weight()
        weights.append(weight if link.wires is None else link.wires.program(weight))
    sources = [m.now.source for m in members] + [
        j.edge.source for j in joints if isinstance(j.edge, Circuits)
    ]
    drive = Drive(
        phi=_side_by_side([m.phi for m in members]),
        start=_side_by_side([m.state[0] for m in members]),
        hidden=_side_by_side([h for m in members for h in m.state[1:]], members[0].phi),
        circuits=_side_by_side([s for j in joints for s in j.state], members[0].phi),
        dt=members[0].now.dt,
        slots=[[v[name] for name in KINDS[type(m.layer)][1]] for m, v in zip(members, values, strict=True)],
        weights=weights,
    )
    plan = Plan(parts=parts, links=links, jacobi=jacobi, rates=among(sources), observed=observed)
    result = advanced(drive, plan)
    circuits = iter(result.circuits.split([s.shape[1] for j in joints for s in j.state], 1))
    return _apart(members, values, plan, result), [tuple(next(circuits) for _ in j.state) for j in joints]


def _part(member: Member, values: Mapping[str, Tensor]) -> Part:
    layer, name = member.layer, source_name(member.now)
    assert name is not None
    return Part(
        kind=KINDS[type(layer)][0],
        source=name,
        nodes=layer.params.dim,
        noise=member.draws.noise(),
        fan_in=values["fan_in"].contiguous() if "fan_in" in values else None,
        triangle=layer.triangle if isinstance(layer, Soma) else (1.0, 1.0),
    )


def _link(joint: Joint) -> Link:
    edge = joint.edge
    return Link(
        source=joint.source,
        target=joint.target,
        late=joint.late,
        fresh=joint.fresh,
        wires=Wires.of(edge) if isinstance(edge, (WiccEdge, NoccEdge)) else None,
    )


def _side_by_side(tensors: Sequence[Tensor], like: Tensor | None = None) -> Tensor:
    if not tensors:
        assert like is not None
        return like.new_empty(like.shape[0], 0)
    return tensors[0] if len(tensors) == 1 else torch.cat([*tensors], -1)


def _apart(
    members: Sequence[Member], values: Sequence[Mapping[str, Tensor]], plan: Plan, result: Stepped
) -> list[Rolled]:
    found: list[Rolled] = []
    hidden = iter(result.hidden.split([s.shape[1] for m in members for s in m.state[1:]], -1))
    for member, v, place in zip(members, values, plan.places(), strict=True):
        history = result.history[..., place]
        own = [next(hidden) for _ in member.state[1:]]
        seen: tuple[Tensor | None, Tensor | None] = (None, None)
        final = own
        if result.flux is not None:
            before = [t[:, :-1] for t in (history, *own)]
            seen, final = _seen(member, v, result.flux[..., place], before), [t[:, -1] for t in own]
        found.append(Rolled(history, (history[:, -1], *final), (), *seen))
    return found


def _seen(
    member: Member, values: Mapping[str, Tensor], phi: Tensor, before: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The flux that source functions saw and what they gave, (batch, time, nodes), from the states before."""
    kind, noise, g = KINDS[type(member.layer)][0], member.draws.noise()["g"], member.now.source
    bias = values["bias_current"]
    if kind in ("dendrite", "soma"):
        phi = phi + values["phi_offset"]
        return phi, noise.on(g(phi, bias - before[-1]))
    offset = values["phi_y"]
    if kind == "coils":
        return phi, noise.on(g(phi + offset, bias - before[0]) - g(phi - offset, bias + before[0]))
    _, up, down = before
    return phi, noise.on(g(phi + offset, smooth_abs(bias - up))) - g(phi - offset, smooth_abs(down - bias))
