"""Lean gated cells: the minimal GRU and the GRU with one time constant a node."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from ... import layers
from ...kernel.gates import at_once, leaking
from ...problems import CircuitError
from ..edges import Edge, product
from ..layer import Birth, Now, Rolled, State, Step
from ..scan import scan
from .recurrent import Carrying


class Projection(nn.Module):
    """A square matrix drawn as torch draws that of a linear module."""

    def __init__(self, width: int, generator: Generator) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(width, width).uniform_(-bound, bound, generator=generator))


class MinGRU(Carrying):
    """s' = (1 - z) s + z n, z = sigmoid(W_gate phi), n = tanh(W_hidden phi): linear in the state."""

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        self.hidden_proj = Projection(self.params.dim, birth.generator)
        self.gate_proj = Projection(self.params.dim, birth.generator)

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        z, n = self._gates(phi)
        h = (1.0 - z) * state[1] + z * n
        return Step((now.noise("s", h), h), phi)

    def sequence(self, phi: Tensor, state: State, loop: Edge | None, now: Now) -> Rolled | None:
        if loop is not None:
            return None
        z, n = self._gates(phi)
        states = scan(1.0 - z, z * n, state[1])
        return self.shown(phi, state, states, [states[:, -1]], loop, now)

    def _gates(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sigmoid(phi @ self.gate_proj.weight.t()), torch.tanh(phi @ self.hidden_proj.weight.t())


class Core(nn.Module):
    """Tensors of a leaky GRU under the original's names; the matrices have blocks of two unused gates."""

    bias_r_fixed: Tensor

    def __init__(
        self, width: int, bias_z: nn.Parameter, bias_n: nn.Parameter, reset: float, generator: Generator
    ) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(3 * width, width), generator=generator)
        )
        self.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(3 * width, width), generator=generator))
        with torch.no_grad():
            self.weight_ih[: 2 * width].zero_()
            self.weight_hh[: 2 * width].zero_()
        self.bias_z, self.bias_n = bias_z, bias_n
        self.register_buffer("bias_r_fixed", torch.full((width,), float(reset)))


class LeakyGRU(Carrying):
    """h' = z h + (1 - z) n, n = tanh(W_in phi + b_n + r (W h)), z = sigmoid(b_z) and r fixed."""

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        params = birth.spec.params
        assert isinstance(params, layers.LeakyGRU)
        self.diagonal = {"zero": 0.0, "one": 1.0, "free": None}[params.candidate_diag]
        decay, candidate = self.get_parameter("decay_bias"), self.get_parameter("candidate_bias")
        if getattr(params.decay_bias.distribution, "value", 0.0) is None:
            with torch.no_grad():
                decay.copy_(_decay(params, birth.dt))
        self.core = Core(self.params.dim, decay, candidate, params.reset_bias, birth.generator)
        if "learnable" not in birth.compat:
            decay.requires_grad_(params.train_alpha)

    def values(self, loop: Tensor | None = None) -> dict[str, Tensor]:
        """The parameters, and the matrices that the candidate state uses, (nodes, nodes)."""
        width, core = self.params.dim, self.core
        recurrent = core.weight_hh[2 * width :]
        if self.diagonal is not None:
            eye = torch.eye(width, dtype=recurrent.dtype, device=recurrent.device)
            recurrent = recurrent * (1.0 - eye) + self.diagonal * eye
        reset = torch.sigmoid(core.bias_r_fixed)
        return super().values(loop) | {"W_in": core.weight_ih[2 * width :], "W": recurrent, "reset": reset}

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        h, p = state[1], now.parameters(state[0])
        n = torch.tanh(phi @ p["W_in"].t() + p["candidate_bias"] + p["reset"] * (h @ p["W"].t()))
        z = torch.sigmoid(p["decay_bias"])
        h = z * h + (1.0 - z) * n
        return Step((now.noise("s", h), h), phi)

    def sequence(self, phi: Tensor, state: State, loop: Edge | None, now: Now) -> Rolled | None:
        keys, p = now.noise.levels.keys, now.values
        served = loop is None or (product(loop) and "s" not in keys)
        if keys - {"phi", "s"} or not served or not at_once(phi, p["W"]):
            return None
        weight, driven = p["reset"].unsqueeze(1) * p["W"], phi
        if loop is not None:
            weight, driven = weight + p["W_in"] @ loop.weight, self.folded(phi, state, loop)
        rate = 1.0 - torch.sigmoid(p["decay_bias"])
        states = leaking(driven @ p["W_in"].t(), weight, p["candidate_bias"], rate, state[1])[:, 1:]
        return self.shown(phi, state, states, [states[:, -1]], loop, now)


def _decay(params: layers.LeakyGRU, dt: float) -> Tensor:
    """The bias of the update gate that gives each node its time constant."""
    given, width = params.tau_init, params.dim
    if isinstance(given, float | int):
        tau = torch.full((width,), float(given))
    elif len(given) == 2:
        low, high = given
        if params.tau_spacing == "geometric":
            tau = torch.exp(
                torch.linspace(math.log(max(low, params.tau_eps)), math.log(max(high, params.tau_eps)), width)
            )
        else:
            tau = torch.linspace(low, high, width)
    elif len(given) == width:
        tau = torch.tensor(given)
    else:
        raise CircuitError(
            [f"tau_init must be one value, [smallest, largest] or {width} values, but got {len(given)}"]
        )
    z = torch.exp(-dt / tau.clamp(min=params.tau_eps)).clamp(1e-6, 1 - 1e-6)
    return torch.logit(z)
