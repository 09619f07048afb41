"""What a connection does in one forward: a matrix product, or one multiplier circuit for each weight."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..connections import Nocc, Wicc
from .ends import Ends
from .noise import ShakenWeights
from .sources import Source

#: states of a connection's circuits, (batch, edges) or (batch, to)
EdgeState = tuple[Tensor, ...]


class Edge:
    """A connection during one forward.

    Args:
        weight: The weights, (to, from), masked and quantised.
        disturbed: The weights at one step, where noise acts on them.
    """

    def __init__(self, weight: Tensor, disturbed: ShakenWeights | None = None) -> None:
        self.weight = weight
        self.disturbed = disturbed

    def rest(self, batch: int) -> EdgeState:
        """States before anything happened."""
        raise NotImplementedError

    def step(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        """One time step: (batch, from) to flux (batch, to) and new states."""
        raise NotImplementedError

    def delayed(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        """One time step of Jacobi evaluation: the flux is that of the states before the step."""
        return self.pending(state), self.step(source, state)[1]

    def pending(self, state: EdgeState) -> Tensor:
        """The flux that states give without a step."""
        raise NotImplementedError

    def sequence(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        """All steps: (batch, time, from) to flux (batch, time, to) and final states."""
        steps: list[Tensor] = []
        for s in source.unbind(1):
            phi, state = self.step(s, state)
            steps.append(phi)
        return torch.stack(steps, 1), state

    def delayed_sequence(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        """All steps of Jacobi evaluation."""
        steps, final = self.sequence(source, state)
        return torch.cat([self.pending(state).unsqueeze(1), steps[:, :-1]], 1), final

    def now(self) -> Tensor:
        """The weights at one step."""
        return self.weight if self.disturbed is None else self.disturbed(self.weight)


def product(edge: Edge | None) -> bool:
    """Whether a connection, if there is one, is the same matrix product at every step."""
    return edge is None or (type(edge) is Fixed and edge.disturbed is None)


class Fixed(Edge):
    """phi = J s."""

    def rest(self, batch: int) -> EdgeState:
        return ()

    def step(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        return source @ self.now().t(), state

    def delayed(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        return self.step(source, state)

    def delayed_sequence(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        return self.sequence(source, state)

    def sequence(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        return super().sequence(source, state) if self.disturbed else (source @ self.weight.t(), state)


class Circuits(Edge):
    """One circuit for each existing weight; edges are numbered row by row of the mask."""

    def __init__(
        self,
        weight: Tensor,
        ends: Ends,
        dt: Tensor,
        source: Source,
        disturbed: ShakenWeights | None = None,
    ) -> None:
        super().__init__(weight, disturbed)
        self.to, self.start = ends.stop, ends.start
        self.dt = dt
        self.source = source

    def arms(self, source: Tensor, j_in: float, offset: bool) -> tuple[Tensor, Tensor]:
        """The flux in both arms of every circuit, (batch, edges) each."""
        x = j_in * source[:, self.start]
        y = self.now()[self.to, self.start]
        y = y + 0.5 if offset else y
        return x + y, x - y

    def gathered(self, edges: Tensor) -> Tensor:
        """The sum over the edges that reach each target, (batch, to)."""
        return edges.new_zeros(edges.shape[0], self.weight.shape[0]).index_add(1, self.to, edges)

    def zeros(self, batch: int, *widths: int) -> EdgeState:
        """States at rest."""
        return tuple(self.weight.new_zeros(batch, width) for width in widths)


class WiccEdge(Circuits):
    """e' = gamma_plus (g(x + y, I - e) - g(x - y, I + e)) - gamma_minus e; phi = j_out sum e."""

    def __init__(
        self,
        settings: Wicc,
        weight: Tensor,
        mask: Tensor,
        ends: Ends,
        dt: Tensor,
        source: Source,
        disturbed: ShakenWeights | None = None,
    ) -> None:
        super().__init__(weight, ends, dt, source, disturbed)
        self.settings = settings
        self.j_out = collection(settings, mask).to(weight)
        # these constants are single precision in every circuit of the original, double precision circuits
        # included
        self.gamma_plus, self.gamma_minus, self.bias = (
            float(np.float32(value))
            for value in (settings.gamma_plus, settings.gamma_minus, settings.bias_current)
        )

    def rest(self, batch: int) -> EdgeState:
        return self.zeros(batch, len(self.to))

    def step(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        (e,) = state
        plus, minus = self.arms(source, self.settings.j_in, self.settings.half_flux_offset)
        drive = self.source(plus, self.bias - e) - self.source(minus, self.bias + e)
        e = e + self.dt * (self.gamma_plus * drive - self.gamma_minus * e)
        return self.j_out * self.gathered(e), (e,)

    def pending(self, state: EdgeState) -> Tensor:
        return self.j_out * self.gathered(state[0])


class NoccEdge(Circuits):
    """Two arms s1, s2 an edge, one output m a target; phi = j_out m."""

    def __init__(
        self,
        settings: Nocc,
        weight: Tensor,
        mask: Tensor,
        ends: Ends,
        dt: Tensor,
        source: Source,
        disturbed: ShakenWeights | None = None,
    ) -> None:
        super().__init__(weight, ends, dt, source, disturbed)
        self.settings = settings
        self.inductance = settings.beta + 2.0 * mask.sum(1).to(weight) * settings.beta_out

    def rest(self, batch: int) -> EdgeState:
        edges = len(self.to)
        return self.zeros(batch, edges, edges, self.weight.shape[0])

    def step(self, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
        s1, s2, m = state
        k = self.settings
        plus, minus = self.arms(source, k.j_in, k.half_flux_offset)
        g1 = self.source(plus, smooth_abs(k.bias_current - s1))
        g2 = self.source(minus, smooth_abs(s2 - k.bias_current))
        dm = (self.gathered(g1 - g2) - k.alpha * m) / self.inductance
        shared = k.beta_out * dm[:, self.to]
        ds1 = (g1 - shared - k.alpha * s1) / k.beta
        ds2 = (g2 - shared - k.alpha * s2) / k.beta
        s1, s2, m = s1 + self.dt * ds1, s2 + self.dt * ds2, m + self.dt * dm
        return k.j_out * m, (s1, s2, m)

    def pending(self, state: EdgeState) -> Tensor:
        return self.settings.j_out * state[2]


def smooth_abs(x: Tensor) -> Tensor:
    """|x|, rounded off at 0: sqrt(x^2 + 0.01)."""
    return torch.sqrt(x * x + 0.01)


def collection(settings: Wicc, mask: Tensor) -> Tensor:
    """j_out of each target, float32: as given, else from the collection coil that its fan-in shares.

    j_out = L / (L_edge N + L_0) with L = 250 pH, L_edge = 40 pH, L_0 = 335 pH.
    """
    if settings.j_out is None:
        return (2.5e-10 / (40e-12 * mask.sum(1).double() + 3.35e-10)).float()
    given = torch.as_tensor(settings.j_out, dtype=torch.float64)
    return given.expand(mask.shape[0])
