"""Layers without memory, and the leaky average."""

from __future__ import annotations

import torch
from torch import Tensor

from ..layer import Birth, Layer, Now, State, Step


class Readout(Layer):
    """y = g(phi + phi_offset, bias_current)."""

    memoryless = True

    def currents(self, history: Tensor) -> tuple[Tensor, Tensor] | None:
        bias = self.held("bias_current")
        return bias.amin(), bias.amax()

    def shaken(self, phi: Tensor, now: Now) -> Tensor:
        if not now.noise.levels.relative:
            return now.noise("phi", phi)
        offset = now.values["phi_offset"]  # relative noise is a share of the whole flux
        return now.noise("phi", phi + offset) - offset

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        p = now.parameters(phi)
        shifted = phi + p["phi_offset"]
        g = now.noise("g", now.source(shifted, p["bias_current"].expand_as(phi)))
        return Step((now.noise("s", g),), self.shown(phi, shifted), g)

    def shown(self, phi: Tensor, shifted: Tensor) -> Tensor:
        """Which flux is recorded: with the offset, as the source function sees it."""
        return shifted


class NonLinear(Readout):
    """The same; the flux that is recorded and shaken is what reaches the layer, as in the original."""

    def shaken(self, phi: Tensor, now: Now) -> Tensor:
        return now.noise("phi", phi)

    def shown(self, phi: Tensor, shifted: Tensor) -> Tensor:
        return phi


class Linear(Layer):
    """y = phi."""

    memoryless = True

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        self._shakes_its_start = "linear_noise" in birth.compat

    def first(self, output: Tensor, now: Now) -> Tensor:
        return now.noise("s", output) if self._shakes_its_start else output

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        return Step((phi if self._shakes_its_start else now.noise("s", phi),), phi)


class ScalingLayer(Layer):
    """y = scale_factor phi."""

    memoryless = True

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        return Step((now.noise("s", phi * now.parameters(phi)["scale_factor"]),), phi)


class Softmax(Layer):
    """y = softmax(beta phi) over the nodes."""

    memoryless = True

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        return Step((now.noise("s", torch.softmax(now.parameters(phi)["beta"] * phi, -1)),), phi)


class Synapse(Layer):
    """y' = alpha y + (1 - alpha) phi."""

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        (y,) = state
        alpha = now.parameters(y)["alpha"]
        return Step((now.noise("s", alpha * y + (1.0 - alpha) * phi),), phi)
