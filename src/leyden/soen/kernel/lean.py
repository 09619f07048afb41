"""Nodes with one state, and matrices between them: alone over a sequence, or several layers step by step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..torch.edges import Edge, Fixed
from ..torch.layer import Layer, Now, Rolled
from ..torch.rates import among
from .cells import CellsDrive, CellsPlan, CellsSegment, compiled
from .core import within
from .fused import driven, fused
from .ways import ARMS, OFFSETS, Way, rich, source_name

if TYPE_CHECKING:
    from ..torch.evaluate import Forward


def alone(
    layer: Layer, phi: Tensor, start: Tensor, loop: Edge | None, now: Now, way: Way, *, observed: bool
) -> Rolled:
    """One layer over its sequence.

    Args:
        layer: The layer.
        phi: External flux, (batch, time, nodes).
        start: States before the first step, (batch, nodes).
        loop: The self connection.
        now: What holds during this forward.
        way: `compiled` or `fused`.
        observed: Whether the flux and g of every step are wanted.
    """
    arms, values = ARMS[type(layer)], now.values
    g_noise, s_noise = _noise(phi, now)
    drive = CellsDrive(
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
        rates = among([now.source])
        history = compiled(drive, CellsPlan((CellsSegment(0, phi.shape[2], name, arms),), rates))
    if not observed:
        return Rolled(history, (history[:, -1],), ())
    before = history[:, :-1]
    flux = phi if loop is None else phi + before @ loop.weight.t()
    return Rolled(history, (history[:, -1],), (), *_observed(now, arms, flux, before, g_noise))


def _observed(
    now: Now, arms: int, phi: Tensor, before: Tensor, g_noise: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The flux that source functions saw and what they gave, (batch, time, nodes), from the states before."""
    offset = now.values[OFFSETS[arms]]
    g = driven(now.source, arms, phi, offset, now.values["bias_current"], before)
    g = g if g_noise is None else g + g_noise
    # a dendrite shows its flux with the offset, a multiplier what reaches both of its arms
    return (phi + offset if arms == 1 else phi), g


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


def is_lean(f: Forward, core: Sequence[Layer]) -> bool:
    """Whether the core is nothing but nodes with one state and matrices, without noise."""
    edges = [f.edges[c.key] for c, _, _ in within(f, core)]
    if any(type(e) is not Fixed or e.disturbed for e in edges):
        return False
    if any(f.nows[la.layer_id].noise.levels.keys or rich(la, None, f.nows[la.layer_id]) for la in core):
        return False
    kinds = {(type(layer), source_name(f.nows[layer.layer_id])) for layer in core}
    return not f.late or len(kinds) == 1


def in_step(f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor]) -> list[Rolled]:
    """The core by the lean loop; ``fluxes`` come to each layer from outside, (batch, time, nodes)."""
    ends = [*accumulate(layer.params.dim for layer in core)]
    places = [slice(end - layer.params.dim, end) for end, layer in zip(ends, core, strict=True)]
    history = compiled(_drive(f, core, fluxes), _plan(f, core, places))
    histories = [history[:, :, place] for place in places]
    observe = f.simulation.tracks
    return [
        Rolled(
            own,
            (own[:, -1],),
            (),
            *(_observed_of(f, core, n, fluxes[n], histories) if observe else (None, None)),
        )
        for n, own in enumerate(histories)
    ]


def _plan(f: Forward, core: Sequence[Layer], places: Sequence[slice]) -> CellsPlan:
    segments: list[CellsSegment] = []
    for layer, place in zip(core, places, strict=True):
        name = source_name(f.nows[layer.layer_id])
        assert name is not None
        segments.append(CellsSegment(place.start, place.stop, name, ARMS[type(layer)]))
    if f.late:  # nobody sees a new state: one segment
        segments = [CellsSegment(0, segments[-1].stop, segments[0].source, segments[0].arms)]
    rates = among(now.source for now in f.nows.values())
    return CellsPlan(segments, rates)


def _drive(f: Forward, core: Sequence[Layer], fluxes: Sequence[Tensor]) -> CellsDrive:
    values = [f.nows[layer.layer_id].values for layer in core]
    offsets = [v[OFFSETS[ARMS[type(layer)]]] for v, layer in zip(values, core, strict=True)]
    names = ("bias_current", "gamma_plus", "gamma_minus")
    bias, plus, minus = (torch.cat([v[name] for v in values]) for name in names)
    return CellsDrive(
        phi=torch.cat([*fluxes], 2),
        weight=torch.cat([_row(f, layer, core) for layer in core]),
        offset=torch.cat(offsets),
        bias=bias,
        plus=plus,
        minus=minus,
        start=torch.cat([f.states[layer.layer_id][0] for layer in core], 1),
        dt=f.nows[core[0].layer_id].dt,
    )


def _row(f: Forward, layer: Layer, core: Sequence[Layer]) -> Tensor:
    """The weights into a layer from all layers of the core, (to, all nodes)."""
    weights = {c.from_layer: f.edges[c.key].weight for c in f.into(layer.layer_id)}
    if (loop := f.loop(layer.layer_id)) is not None:
        weights[layer.layer_id] = f.edges[loop.key].weight
    absent = f.x.new_zeros
    return torch.cat([weights.get(s.layer_id, absent(layer.params.dim, s.params.dim)) for s in core], 1)


def _observed_of(
    f: Forward, core: Sequence[Layer], number: int, phi: Tensor, histories: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The flux that a layer's source function saw and what it gave."""
    layer = core[number]
    before, arms, now = histories[number][:, :-1], ARMS[type(layer)], f.nows[layer.layer_id]
    for c, source, target in within(f, core):
        if target == number:
            new = source < target and not f.late
            states = histories[source][:, 1:] if new else histories[source][:, :-1]
            phi = phi + states @ f.edges[c.key].weight.t()
    return _observed(now, arms, phi, before)
