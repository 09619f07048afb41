"""Draws connectivity masks: which weight of a connection exists. Shape (to, from), float32 zeros and ones."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from .. import patterns as p
from ..array_file import one_of_few


def mask(
    pattern: p.Pattern, width: int, height: int, generator: Generator, *, internal: bool, own: bool = True
) -> Tensor:
    """The mask of a connection from ``width`` to ``height`` nodes.

    Args:
        pattern: The connectivity pattern.
        width: Nodes of the source layer.
        height: Nodes of the target layer.
        generator: Of the draws.
        internal: Whether source and target are one layer; distances are then on one grid.
        own: Whether node i may reach node i.
    """
    drawn = _drawn(pattern, width, height, generator, internal, own)
    return drawn.fill_diagonal_(0.0) if not own and width == height else drawn


def _drawn(
    pattern: p.Pattern, width: int, height: int, generator: Generator, internal: bool, own: bool
) -> Tensor:
    match pattern:
        case p.Dense():
            return torch.ones(height, width)
        case p.OneToOne():
            return _one_to_one(pattern, width, height)
        case p.InverseOneToOne():
            return 1.0 - torch.eye(height)
        case p.Chain():
            return _chain(width, height)
        case p.Sparse():
            return (torch.rand(height, width, generator=generator) < pattern.sparsity).float()
        case p.BlockStructure():
            return _blocks(pattern, width, height)
        case p.Constant():
            return _constant(pattern.expected_fan_out, width, height, generator, own)
        case p.Spatial():
            return _spatial(pattern, width, height, generator, internal, own)
        case p.Custom():
            found = one_of_few(pattern.mask_file, "mask", (height, width), (0, 1))
            return torch.from_numpy(found.astype(np.float32))
        case p.HierarchicalBlocks():
            return _hierarchical(pattern)
        case _:
            raise AssertionError(pattern)


def _one_to_one(pattern: p.OneToOne, width: int, height: int) -> Tensor:
    found = torch.zeros(height, width)
    first, last = pattern.source_start_node_id, pattern.source_end_node_id
    if first is None or last is None:
        first, last = 0, min(width, height) - 1
    for target, source in enumerate(range(first, last + 1)):
        found[target, source] = 1.0
    return found


def _chain(width: int, height: int) -> Tensor:
    found = torch.zeros(height, width)
    for source in range(min(width - 1, height - 1)):
        found[source + 1, source] = 1.0
    return found


def _blocks(pattern: p.BlockStructure, width: int, height: int) -> Tensor:
    count = pattern.block_count
    if min(width // count, height // count) < 1:
        count = min(width, height)
    w, h = width // count, height // count
    found = torch.zeros(height, width)

    def fill(to: int, source: int, density: float) -> None:
        found[to * h : (to + 1) * h, source * w : (source + 1) * w] = _strided(h, w, density)

    for i in range(count):
        fill(i, i, pattern.within_block_density)
        if pattern.cross_block_density > 0 and pattern.connection_mode != "none":
            for j in range(count):
                if j > i or (j != i and pattern.connection_mode == "full"):
                    fill(j, i, pattern.cross_block_density)
    return found


def _strided(height: int, width: int, density: float) -> Tensor:
    """The share ``density`` of entries, evenly spread row by row."""
    size, count = height * width, round(height * width * density)
    flat = torch.zeros(size)
    if count:
        flat[:: max(1, size // count)][:count] = 1.0
    return flat.view(height, width)


def _constant(fan_out: int, width: int, height: int, generator: Generator, own: bool) -> Tensor:
    found = torch.zeros(height, width)
    for source in range(width):
        targets = _targets(source, width, height, own)
        chosen = torch.randperm(len(targets), generator=generator)[: min(fan_out, len(targets))]
        found[targets[chosen], source] = 1.0
    return found


def _spatial(
    pattern: p.Spatial, width: int, height: int, generator: Generator, internal: bool, own: bool
) -> Tensor:
    if pattern.connection_scope is not None:
        internal = pattern.connection_scope == "internal"
    distance = _grid_distance(width) if internal else _column_distance(width, height)
    if isinstance(pattern, p.PowerLaw):
        likely = distance.clamp(min=1e-6) ** -pattern.alpha
    else:
        assert isinstance(pattern, p.Exponential)
        likely = torch.exp(-distance / max(pattern.d_0, 1e-6))
    found = torch.zeros(height, width)
    for source in range(width):
        targets = _targets(source, width, height, own)
        column = likely[targets, source]
        count = min(pattern.expected_fan_out, int((column > 0).sum()))
        if count:
            found[
                targets[torch.multinomial(column, count, replacement=False, generator=generator)], source
            ] = 1.0
    return found


def _targets(source: int, width: int, height: int, own: bool) -> Tensor:
    """The nodes that a source node may reach."""
    return torch.tensor([t for t in range(height) if own or t != source or width != height])


def _grid_distance(nodes: int) -> Tensor:
    """Euclidean distances of nodes that fill a square grid row by row."""
    columns = math.ceil(math.sqrt(nodes))
    i = torch.arange(nodes)
    x, y = (i % columns).float(), (i // columns).float()
    return torch.sqrt((x[:, None] - x[None]) ** 2 + (y[:, None] - y[None]) ** 2)


def _column_distance(width: int, height: int) -> Tensor:
    """Manhattan distances of two columns of nodes that stand as far apart as the larger grid is wide."""
    gap = max(math.ceil(math.sqrt(width)), math.ceil(math.sqrt(height)))
    return gap + (torch.arange(height)[:, None] - torch.arange(width)[None]).abs().float()


def _hierarchical(pattern: p.HierarchicalBlocks) -> Tensor:
    nodes = pattern.base_size**pattern.levels
    found = torch.zeros(nodes, nodes)
    for tier, fraction in enumerate(pattern.fractions):
        size = pattern.base_size ** (tier + 1)
        for start in range(0, nodes, size):
            listed = _chosen(start, size, fraction, 1 if tier == 0 else pattern.base_size)
            chosen = torch.tensor(listed, dtype=torch.long)  # none, too
            found[chosen[:, None], chosen[None]] = 1.0
    return found


def _chosen(start: int, size: int, fraction: float, children: int) -> list[int]:
    """The first nodes of each child of a block, as many in all as ``fraction`` asks for."""
    count, child = math.ceil(fraction * size), size // children
    share, extra = divmod(count, children)
    return [
        start + c * child + i
        for c in range(children)
        for i in range(min(child, share + (1 if c < extra else 0)))
    ]
