"""Multipliers: two interferometers in opposite directions, whose difference is a product of fluxes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..edges import smooth_abs
from ..layer import Layer, Now, State, Step


class MultiplierWICC(Layer):
    """s' = gamma_plus (g(phi + phi_y, I - s) - g(phi - phi_y, I + s)) - gamma_minus s."""

    def currents(self, history: Tensor) -> tuple[Tensor, Tensor] | None:
        bias, reach = self.held("bias_current"), history.abs()
        return (bias - reach).amin(), (bias + reach).amax()

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        (s,) = state
        p = now.parameters(s)
        up = now.source(phi + p["phi_y"], p["bias_current"] - s)
        down = now.source(phi - p["phi_y"], p["bias_current"] + s)
        g = now.noise("g", up - down)
        ds = p["gamma_plus"] * g - p["gamma_minus"] * s
        return Step((now.noise("s", s + now.dt * ds),), phi, g)


class MultiplierNOCC(Layer):
    """Two arms and their common output: states (m, s1, s2), all moved by the states before the step."""

    hidden = ("s1", "s2")

    def values(self, loop: Tensor | None = None) -> dict[str, Tensor]:
        """The parameters, and how many weights of a self connection reach each node (1 without one)."""
        found = super().values(loop)
        beta = found["beta"]
        fan_in = torch.ones_like(beta) if loop is None else (loop.detach() != 0).sum(1).to(beta)
        return found | {"fan_in": fan_in}

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        m, s1, s2 = state
        p = now.parameters(m)
        up = now.source(phi + p["phi_y"], smooth_abs(p["bias_current"] - s1))
        down = now.source(phi - p["phi_y"], smooth_abs(s2 - p["bias_current"]))
        up = now.noise("g", up)
        g = up - down
        dm = (g - p["alpha"] * m) / (p["beta"] + 2.0 * p["fan_in"] * p["beta_out"])
        ds1 = (up - p["beta_out"] * dm - p["alpha"] * s1) / p["beta"]
        ds2 = (down - p["beta_out"] * dm - p["alpha"] * s2) / p["beta"]
        m = now.noise("s", m + now.dt * dm)
        return Step((m, s1 + now.dt * ds1, s2 + now.dt * ds2), phi, g)
