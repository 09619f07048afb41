"""Circuits and tables for tests of the fast ways."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from leyden import soen
from leyden.soen.kernel.cells import CellsDrive, CellsPlan, CellsSegment
from leyden.soen.torch.rates import Rates
from leyden.soen.torch.sources import CLOSED, Source
from tests.soen.golden_case import TABLE, table_of

F64 = torch.float64


def rates(dtype: torch.dtype = F64, *, edge: bool = False) -> Rates:
    table = torch.from_numpy(TABLE.rates).float().to(dtype)
    return Rates.of(table, torch.tensor(0.95, dtype=dtype), torch.tensor(2.5, dtype=dtype), edge=edge)


#: every source function of the kernel by the name that it has there
SOURCES: dict[str, Source] = {**CLOSED, "RateArray": rates(), "RateArray, edge": rates(edge=True)}


def plan(name: str, nodes: int, arms: int = 1, cuts: tuple[int, ...] = ()) -> CellsPlan:
    """Nodes with one source function, as one segment or cut into several."""
    ends = [0, *cuts, nodes]
    segments = [CellsSegment(a, b, name, arms) for a, b in pairwise(ends)]
    source = SOURCES[name]
    return CellsPlan(segments, source if isinstance(source, Rates) else None)


def drive(
    batch: int, steps: int, nodes: int, *, loop: bool = True, seed: int = 0, noise: bool = False
) -> CellsDrive:
    """Random tensors in the range where circuits work, all of them leaves."""
    generator = torch.Generator().manual_seed(seed)

    def some(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(*shape, dtype=F64, generator=generator)
        return (low + (high - low) * drawn).requires_grad_()

    return CellsDrive(
        phi=some(batch, steps, nodes, low=-0.3, high=0.5),
        weight=some(nodes, nodes, low=-0.15, high=0.15) if loop else None,
        offset=some(nodes, low=0.2, high=0.27),
        bias=some(nodes, low=1.6, high=2.0),
        plus=some(nodes, low=0.002, high=0.01),
        minus=some(nodes, low=0.001, high=0.005),
        start=some(batch, nodes, high=0.3),
        dt=torch.tensor(37.0, dtype=F64).requires_grad_(),
        g_noise=some(batch, steps, nodes, low=-0.05, high=0.05).detach() if noise else None,
        s_noise=some(batch, steps, nodes, low=-0.01, high=0.01).detach() if noise else None,
    )


def stepped(d: CellsDrive, p: CellsPlan) -> Tensor:
    """The history by its definition, one step and one segment after the other."""
    states = [d.start]
    for t in range(d.phi.shape[1]):
        s = states[-1]
        for segment in p.segments:
            here, g = slice(segment.start, segment.stop), SOURCES[segment.source]
            phi, old = d.phi[:, t, here], s[:, here]
            if d.weight is not None:
                phi = phi + s @ d.weight[here].t()
            drive = g(phi + d.offset[here], d.bias[here] - old)
            if segment.arms == 2:
                drive = drive - g(phi - d.offset[here], d.bias[here] + old)
            if d.g_noise is not None:
                drive = drive + d.g_noise[:, t, here]
            new = old + d.dt * (d.plus[here] * drive - d.minus[here] * old)
            if d.s_noise is not None:
                new = new + d.s_noise[:, t, here]
            s = torch.cat([s[:, : segment.start], new, s[:, segment.stop :]], 1)
        states.append(s)
    return torch.stack(states, 1)


def network(layers: list[dict[str, Any]], connections: list[dict[str, Any]], **simulation: Any):
    """A network in double precision with weights that reach far enough to matter."""
    tree = {
        "layers": [layer | {"layer_id": n} for n, layer in enumerate(layers)],
        "connections": [
            {"params": {"init": {"name": "uniform", "params": {"min": -0.25, "max": 0.25}}}} | c
            for c in connections
        ],
        "simulation": {"dt": 37.0} | simulation,
    }
    circuit = soen.Circuit.read(tree)
    return soen.build(circuit, seed=4, table=table_of(circuit)).double()


def layer(kind: str, dim: int, **params: Any) -> dict[str, Any]:
    """A layer's entry."""
    return {"layer_type": kind, "params": {"dim": dim} | params}


def edge(source: int, target: int, **rest: Any) -> dict[str, Any]:
    """A connection's entry."""
    return {"from_layer": source, "to_layer": target} | rest
