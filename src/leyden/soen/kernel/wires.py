"""The circuits of a connection as the kernel is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..torch.edges import NoccEdge, WiccEdge
from . import abi
from .ways import known_name


@dataclass(frozen=True)
class Wires:
    """A connection's circuits without what is differentiated.

    Args:
        edge: The connection.
        start: Source node of each edge, int32.
        first: First edge of each target, and behind the last, int32.
        out: From states to flux, (to,).
    """

    edge: WiccEdge | NoccEdge
    start: Tensor
    first: Tensor
    out: Tensor

    @classmethod
    def of(cls, edge: WiccEdge | NoccEdge) -> Wires:
        """The circuits of a connection."""
        targets = edge.weight.shape[0]
        first = torch.zeros(targets + 1, dtype=torch.int32)
        first[1:] = torch.bincount(edge.to, minlength=targets).cumsum(0)
        if isinstance(edge, WiccEdge):
            out = edge.j_out.contiguous()
        else:
            out = edge.inductance.new_full((targets,), edge.settings.j_out)
        return cls(edge, edge.start.to(torch.int32), first, out)

    @property
    def states(self) -> int:
        """States of all of them: one an edge with coils; without, two and one a target."""
        edges = len(self.start)
        return edges if isinstance(self.edge, WiccEdge) else 2 * edges + len(self.out)

    def program(self, weight: Tensor) -> Tensor:
        """The flux that programs each, (edges,) or (time, edges), from weights, (to, from) a step."""
        program = weight[..., self.edge.to, self.edge.start]
        return program + 0.5 if self.edge.settings.half_flux_offset else program

    def structure(self, steps: int, program: Tensor) -> abi.Edges:
        """What the library is told of them."""
        edge, settings = self.edge, self.edge.settings
        name = known_name(edge.source)
        assert name is not None
        told = abi.Edges(
            steps=steps,
            edges=len(self.start),
            to=len(self.out),
            source=abi.SOURCES.index(name),
            start=self.start.data_ptr(),
            first=self.first.data_ptr(),
            program=program.data_ptr(),
            program_stride=program.stride(0) if program.dim() == 2 else 0,
            out=self.out.data_ptr(),
            dt=float(edge.dt),
            j_in=settings.j_in,
        )
        if isinstance(edge, WiccEdge):
            told.coils = 1
            told.plus, told.minus, told.bias = map(float, (edge.gamma_plus, edge.gamma_minus, edge.bias))
        else:
            k = edge.settings
            told.alpha, told.beta, told.beta_out, told.bias = k.alpha, k.beta, k.beta_out, k.bias_current
            told.inductance = edge.inductance.data_ptr()
        return told
