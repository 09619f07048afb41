"""Looks a rate table up: bilinear in flux and current, periodic and even in the flux."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rates:
    """A rate table as a source function.

    Args:
        table: g over current (rows) and flux from 0 to 0.5 (columns), shape (R, C).
        low: Current of the first row, a scalar tensor.
        high: Current of the last row.
        edge: Whether currents outside take the nearest row; otherwise they give 0, linearly within one row's
            distance.
    """

    table: Tensor
    low: Tensor
    high: Tensor
    edge: bool = False

    def __call__(self, phi: Tensor, current: Tensor) -> Tensor:
        """g at flux ``phi`` (flux quanta) and ``current`` (critical currents)."""
        rows, columns = self.table.shape
        if self.edge:
            current = torch.minimum(torch.maximum(current, self.low), self.high)
        folded = torch.remainder(phi, 1.0)
        folded = torch.minimum(folded, 1.0 - folded)
        x = ((4.0 * folded - 1.0) + 1.0) / 2.0 * (columns - 1)
        y = ((2.0 * (current - self.low) / (self.high - self.low) - 1.0) + 1.0) / 2.0 * (rows - 1)
        return self._bilinear(x, y.clamp(-2.0, rows + 0.5))

    def _bilinear(self, x: Tensor, y: Tensor) -> Tensor:
        """The table at column ``x`` and row ``y``, zero outside."""
        rows, columns = self.table.shape
        left, above = x.detach().floor(), y.detach().floor()
        # a border of zeros stands for all that is outside; indices are clamped as integers, so that NaN stays
        # in the table
        padded = torch.nn.functional.pad(self.table, (0, 2, 2, 2)).flatten()
        j = left.long().clamp(0, columns - 1)
        i = above.long().clamp(-2, rows) + 2
        at = i * (columns + 2) + j
        x, y = x - left, y - above
        upper, lower = padded[at], padded[at + columns + 2]
        upper = upper + x * (padded[at + 1] - upper)
        lower = lower + x * (padded[at + columns + 3] - lower)
        return upper + y * (lower - upper)
