"""Single dendrites and somas: leaky integrators of what a source function gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ... import layers
from ...problems import CircuitError
from ..edges import Edge
from ..layer import Birth, Connectivity, Layer, Now, Rolled, State, Step
from ..scan import scan

#: roundings that do not count as a change between two Newton rounds
STILL = 16

#: weights of a diagonal self connection that count as none
NOTHING = 1e-8


def diagonal(weight: Tensor) -> bool:
    """Whether every node of a self connection, (nodes, nodes), reaches itself alone."""
    return not bool((weight - weight.diag().diag()).abs().gt(NOTHING).any())


def refuse_loops_off_the_diagonal(layers: Sequence[Layer]) -> None:
    """CircuitError where Newton is to solve a layer whose nodes reach one another."""
    problems: list[str] = []
    for layer in layers:
        loop: Connectivity | None = getattr(layer, "connectivity", None)
        if layer.params.solver == "PARARNN" and loop is not None and not diagonal(loop.weight.detach()):
            rule = "solver PARARNN needs a diagonal self connection"
            problems.append(f"layer {layer.layer_id}: {rule}; write solver: FE")
    if problems:
        raise CircuitError(problems)


class SingleDendrite(Layer):
    """ds/dt = gamma_plus g(phi + phi_offset, bias_current - s) - gamma_minus s, by Euler or a scan."""

    def currents(self, history: Tensor) -> tuple[Tensor, Tensor] | None:
        bias = self.held("bias_current")  # over time first: the rest is as small as the layer
        return (bias - history.amax((0, 1))).amin(), (bias - history.amin((0, 1))).amax()

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        (s,) = state
        p = now.parameters(s)
        phi = phi + p["phi_offset"]
        g = now.noise("g", now.source(phi, p["bias_current"] - s))
        ds = p["gamma_plus"] * g - p["gamma_minus"] * s
        return Step((now.noise("s", s + now.dt * ds),), phi, g)

    def sequence(self, phi: Tensor, state: State, loop: Edge | None, now: Now) -> Rolled | None:
        solver = self.params.solver
        if solver == "FE" or (solver == "PARARNN" and torch.compiler.is_compiling()):
            return None  # rounds until nothing moves are no program
        if loop is not None and (loop.disturbed or not diagonal(loop.weight)):
            return None  # since training moved it, or noise acts on it: steps come to the same
        disturbed = now.noise.levels.keys - {"phi"}
        if disturbed:
            raise CircuitError(
                [f"layer {self.layer_id}: {self.params.solver} runs without noise on {sorted(disturbed)}"]
            )
        solve = self._parallel_scan if self.params.solver == "PS" else self._newton
        states = solve(phi, state[0], loop, now)
        history = torch.cat([state[0].unsqueeze(1), states], 1)
        phi, g = self._observed(phi, history[:, :-1], loop, now)
        return Rolled(history, (history[:, -1],), (), phi, g)

    def _observed(self, phi: Tensor, before: Tensor, loop: Edge | None, now: Now) -> tuple[Tensor, Tensor]:
        """The flux that every source function saw and what it gave, from the states before each step."""
        if loop is not None:
            phi = phi + before @ loop.weight.t()
        phi = phi + now.values["phi_offset"]
        return phi, now.source(phi, now.values["bias_current"] - before)

    def _parallel_scan(self, phi: Tensor, start: Tensor, loop: Edge | None, now: Now) -> Tensor:
        """Where g does not depend on the state, the recurrence is linear in it."""
        assert loop is None
        p = now.values
        g = now.source(phi + p["phi_offset"], p["bias_current"])
        a = (1.0 - now.dt * p["gamma_minus"]).expand_as(g)
        return scan(a, now.dt * p["gamma_plus"] * g, start)

    def _newton(self, phi: Tensor, start: Tensor, loop: Edge | None, now: Now) -> Tensor:
        """All steps at once: linearise around a guess, solve the linear recurrence, until nothing moves.

        The loop runs without gradients. One more pass, with a differentiable right-hand side and the Jacobian
        held fixed,
        leaves the solution where it is and has exactly its gradient (implicit differentiation).
        """
        with torch.no_grad():
            states = self._advance(phi, start.unsqueeze(1).expand_as(phi), loop, now)
            # step k is exact after at most k rounds, whatever the guess, so this ends
            for _ in range(phi.shape[1] + 1):
                before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
                after, slope = self._linearised(phi, before, loop, now)
                moved = scan(slope, after - slope * before, start)
                change, states = (moved - states).abs().amax(), moved
                if change <= STILL * torch.finfo(states.dtype).eps * (1 + states.abs().amax()):
                    break
            before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
            slope = self._linearised(phi, before, loop, now)[1]
        after = self._advance(phi, before, loop, now)
        return scan(slope, after - slope * before, start)

    def _advance(self, phi: Tensor, before: Tensor, loop: Edge | None, now: Now) -> Tensor:
        """Every state one step on from ``before``, (batch, time, nodes)."""
        _, g = self._observed(phi, before, loop, now)
        return before + now.dt * (now.values["gamma_plus"] * g - now.values["gamma_minus"] * before)

    def _linearised(self, phi: Tensor, before: Tensor, loop: Edge | None, now: Now) -> tuple[Tensor, Tensor]:
        """`_advance` and its derivative by the state before; a diagonal loop keeps it elementwise."""
        with torch.enable_grad():
            point = before.detach().requires_grad_()
            after = self._advance(phi.detach(), point, loop, now)
            (slope,) = torch.autograd.grad(after.sum(), point)
        return after.detach(), slope


class Soma(SingleDendrite):
    """A dendrite that shows a spike wherever its state is above the threshold."""

    hidden = ("membrane",)

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        params = birth.spec.params
        assert isinstance(params, layers.Soma)
        self.triangle = (params.surrogate_width, params.surrogate_scale)

    def currents(self, history: Tensor) -> tuple[Tensor, Tensor] | None:
        return None  # the history has the spikes, not the membrane

    def start(self, output: Tensor) -> State:
        return (torch.zeros_like(output), output)

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        inner = super().step(phi, state[1:], now)
        membrane = inner.state[0]
        threshold = now.parameters(membrane)["threshold"]
        spike = _Spike.apply(membrane - threshold, *self.triangle)
        return Step((spike, membrane), inner.phi, inner.g)  # type: ignore[arg-type]


class _Spike(torch.autograd.Function):
    """1 above 0, else 0; a triangle of the given half base and area stands for the derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: float, scale: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.width, ctx.scale = width, scale
        return (x > 0).to(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        triangle = (1.0 - x.abs() / ctx.width).clamp(min=0.0) * (ctx.scale / ctx.width)
        return grads[0] * triangle, None, None
