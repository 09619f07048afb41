"""Positions as waves: one frequency for each pair of values, from 1 down to 1 / 10,000 (arXiv:1706.03762)."""

from __future__ import annotations

import torch
from torch import Tensor


def angles(length: int, width: int) -> Tensor:
    """position * frequency, float64, (length, half of width rounded up)."""
    frequencies = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.arange(length, dtype=torch.float64)[:, None] * frequencies


def sincos(length: int, width: int) -> Tensor:
    """Sines, then cosines, (length, width): a table to add to a sequence."""
    waves = angles(length, width)
    return torch.cat([waves.sin(), waves.cos()[:, : width // 2]], dim=1).float()


def turns(length: int, width: int) -> Tensor:
    """Cosines and sines, (2, length, width / 2): what `rotate` turns by."""
    waves = angles(length, width)
    return torch.stack([waves.cos(), waves.sin()]).float()
