"""Noise of a whole sequence, drawn beforehand in the order in which single steps would draw it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..torch.edges import Edge
from ..torch.kinds.dendrite import Soma
from ..torch.layer import Layer, Now
from ..torch.noise import Disturbance, Shake


class Draws:
    """What one disturbance does to one thing, step by step.

    Args:
        noise: It.
        key: The thing.
        like: A tensor of its shape at one step.
    """

    def __init__(self, noise: Disturbance, key: str, like: Tensor) -> None:
        self.noise, self.key, self.like = noise, key, like
        self.steps: list[Shake] = []

    def take(self) -> None:
        """Draw for the next step, if there is anything to draw."""
        if self.key in self.noise.levels.keys:
            self.steps.append(self.noise.drawn(self.key, self.like))

    def all(self, dim: int) -> Shake:
        """What was drawn, with time along a dimension."""
        return Shake.stacked(self.steps, dim)


class LayerDraws:
    """What disturbs one layer.

    Args:
        layer: The layer.
        now: What holds during this forward.
        like: A tensor of its shape at one step, (batch, nodes).
    """

    def __init__(self, layer: Layer, now: Now, like: Tensor) -> None:
        def drawn(keys: list[str]) -> dict[str, Draws]:
            return {key: Draws(now.noise, key, like) for key in keys}

        disturbed = [key for key in now.values if key in now.noise.levels.keys]
        self.now, self.phi = now, Draws(now.noise, "phi", like)
        self.parameters, self.states = drawn(disturbed), drawn(["g", "s"])
        # a soma takes its threshold from a second draw of all, when its membrane has moved
        self.again = drawn(disturbed) if isinstance(layer, Soma) else {}

    def take(self) -> None:
        """One step, save for the flux."""
        for draws in (*self.parameters.values(), *self.states.values(), *self.again.values()):
            draws.take()

    def values(self) -> dict[str, Tensor]:
        """The parameters, (nodes,), or (batch, time, nodes) where noise changes them."""
        taken = self.parameters | {k: d for k, d in self.again.items() if k == "threshold"}
        shaken = {key: draws.all(1).on(self.now.values[key]) for key, draws in taken.items()}
        return {**self.now.values, **shaken}

    def noise(self) -> Mapping[str, Shake]:
        """What is added to flux, g and state, (batch, time, nodes)."""
        return {key: draws.all(1) for key, draws in ({"phi": self.phi} | self.states).items()}


class WeightDraws:
    """What disturbs the weights of one connection.

    Args:
        edge: The connection.
    """

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.draws = None if edge.disturbed is None else Draws(edge.disturbed.noise, "j", edge.weight)

    def take(self) -> None:
        """One step."""
        if self.draws is not None:
            self.draws.take()

    def weight(self) -> Tensor:
        """The weights, (to, from), or (time, to, from) where noise changes them."""
        if self.draws is None or self.edge.disturbed is None:
            return self.edge.weight
        return self.draws.all(0).on(self.edge.weight) * self.edge.disturbed.mask


def drawn(edge: Edge, steps: int) -> WeightDraws:
    """What disturbs the weights of one connection, drawn for all steps now."""
    draws = WeightDraws(edge)
    for _ in range(steps):
        draws.take()
    return draws
