"""Which layers of a stepwise circuit step together, and how they see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..connections import Connection
from ..torch.layer import Layer

if TYPE_CHECKING:
    from ..torch.evaluate import Forward


@dataclass(frozen=True)
class Parts:
    """The layers of a stepwise circuit in order of evaluation.

    Args:
        heads: Those before any feedback.
        core: Those that step together.
        tails: Those behind.
    """

    heads: Sequence[Layer]
    core: Sequence[Layer]
    tails: Sequence[Layer]


def parted(f: Forward) -> Parts:
    """The parts of a stepwise circuit; what draws at every step is in the core, for the order of draws."""
    place = {layer.layer_id: n for n, layer in enumerate(f.layers)}
    steps = [layer.layer_id for layer in f.layers if not f.driven(layer)]
    inside = {place[i] for i in steps if f.nows[i].noise.levels.keys}
    for c in f.connections:
        source, target = place[c.from_layer], place[c.to_layer]
        if c.to_layer in steps and source > target:
            inside |= {source, target}
        if c.to_layer in steps and f.edges[c.key].disturbed:
            inside.add(target)
    if not inside:
        return Parts(f.layers, (), ())
    first, last = min(inside), max(inside) + 1
    return Parts(f.layers[:first], f.layers[first:last], f.layers[last:])


def within(f: Forward, core: Sequence[Layer]) -> list[tuple[Connection, int, int]]:
    """The connections within the core, sorted by target, with the places of their source and target in it."""
    place = {layer.layer_id: n for n, layer in enumerate(core)}
    loops = [f.loop(layer.layer_id) for layer in core]
    return [
        (c, place[c.from_layer], place[c.to_layer])
        for layer, loop in zip(core, loops, strict=True)
        for c in (*f.into(layer.layer_id), *([] if loop is None else [loop]))
        if c.from_layer in place
    ]
