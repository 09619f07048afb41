"""Layer after layer over whole sequences: as many as possible in one call of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..connections import Connection
from ..torch.edges import product
from ..torch.layer import Layer
from ..torch.rates import among
from .segments import Segment, Wire, together
from .ways import ARMS, OFFSETS, decide, source_name

if TYPE_CHECKING:
    from ..torch.evaluate import Forward, Outcome


def chained(f: Forward, layers: Sequence[Layer], outcome: Outcome, flux: Callable[[Layer], Tensor]) -> int:
    """Run as many layers as one call takes, from the first one on, and say how many that are.

    Args:
        f: The forward.
        layers: Those that have not been run yet, in order.
        outcome: Of those before them; what the call comes to is filled in.
        flux: The flux that reaches a layer from others, (batch, time, nodes).
    """
    if f.simulation.tracks or torch.compiler.is_compiling():
        return 0
    chain = _Chain(f, outcome)
    for layer in layers:
        if not chain.takes(layer):
            break
        chain.add(layer, flux)
    return chain.run()


class _Chain:
    """Layers on their way into one call.

    Args:
        f: The forward.
        outcome: Of the layers before.
    """

    def __init__(self, f: Forward, outcome: Outcome) -> None:
        self.f, self.outcome = f, outcome
        self.places: dict[int, int] = {}
        self.segments: list[Segment] = []
        self.outers: dict[int, Tensor] = {}

    def takes(self, layer: Layer) -> bool:
        """Whether a layer can be part of the call: nodes with one state, not disturbed by anything."""
        f, i = self.f, layer.layer_id
        if type(layer) not in ARMS or f.driven(layer) or f.nows[i].noise.levels.keys:
            return False
        own = f.loop_edge(i)
        if not product(own) or decide(layer, f.x, own, f.nows[i]).way != "compiled":
            return False
        return self._plain(layer) or not any(c.from_layer in self.places for c in f.into(i))

    def _plain(self, layer: Layer) -> bool:
        """Whether matrix products bring the flux of a layer, and nothing else."""
        into = self.f.into(layer.layer_id)
        return layer is not self.f.layers[0] and all(product(self.f.edges[c.key]) for c in into)

    def add(self, layer: Layer, flux: Callable[[Layer], Tensor]) -> None:
        """Make a layer the next part of the call."""
        f, i = self.f, layer.layer_id
        now, loop, into = f.nows[i], f.loop(i), f.into(i)
        plain = bool(into) and self._plain(layer)
        wires = [self._wire(c) for c in into] if plain else []
        place = self.places[i] = len(self.segments)
        if loop is not None:
            wires.append(Wire(place, f.edges[loop.key].weight, late=True))
        arms, name = ARMS[type(layer)], source_name(now)
        assert name is not None
        self.segments.append(
            Segment(
                source=name,
                arms=arms,
                offset=layer.held(OFFSETS[arms]),
                bias=layer.held("bias_current"),
                plus=layer.held("gamma_plus"),
                minus=layer.held("gamma_minus"),
                logs=True,  # so are both stored
                wires=wires,
                phi=None if plain else flux(layer),
                start=f.states[i][0],
            )
        )

    def _wire(self, c: Connection) -> Wire:
        weight, source = self.f.edges[c.key].weight, c.from_layer
        if source in self.places:
            return Wire(self.places[source], weight, self.f.late)
        if source not in self.outers:
            history = self.outcome.histories[source]
            self.outers[source] = history[:, :-1] if self.f.late else history[:, 1:]
        return Wire(-1 - [*self.outers].index(source), weight)

    def run(self) -> int:
        """Call the kernel."""
        if not self.segments:
            return 0
        nows = [self.f.nows[i] for i in self.places]
        rates = among(now.source for now in nows)
        histories = together(self.segments, [*self.outers.values()], nows[0].dt, rates)
        for i, history in zip(self.places, histories, strict=True):
            self.outcome.histories[i] = history
            self.outcome.states[i] = (history[:, -1],)
        return len(self.segments)
