"""Small circuits for tests, with a source function that needs no table unless a test asks for one."""

from __future__ import annotations

from typing import Any

import torch

from leyden import soen


def tree(
    *kinds: dict[str, Any] | str, connections: list[dict[str, Any]] | None = None, **simulation: Any
) -> dict[str, Any]:
    """Three nodes a layer: a Linear layer, then the kinds, each connected to the one before."""
    layers = [{"layer_id": 0, "layer_type": "Linear", "params": {"dim": 3}}]
    for number, kind in enumerate(kinds, 1):
        entry = {"layer_type": kind, "params": {}} if isinstance(kind, str) else dict(kind)
        params = {"dim": 3} | entry.get("params", {})
        if entry["layer_type"] in ("SingleDendrite", "MultiplierWICC", "MultiplierNOCC", "Readout", "Soma"):
            params = {"source_func": "Tanh"} | params
        layers.append(entry | {"layer_id": number, "params": params})
    chain = [{"from_layer": n, "to_layer": n + 1} for n in range(len(kinds))]
    return {"layers": layers, "connections": chain + (connections or []), "simulation": simulation}


def network(*kinds: dict[str, Any] | str, seed: int = 0, compat: Any = None, **options: Any):
    """The network of ``tree``, in double precision."""
    return soen.build(tree(*kinds, **options), seed=seed, compat=compat).double()


def some_input(batch: int = 2, steps: int = 6, width: int = 3) -> torch.Tensor:
    return torch.rand(batch, steps, width, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
