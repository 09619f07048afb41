"""Looks a rate table up: bilinear in flux and current, periodic and even in the flux."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import is_

import torch
from torch import Tensor

from .tracing import passing


@dataclass(frozen=True)
class Rates:
    """A rate table as a source function.

    Args:
        bordered: The table with zeros around it, flat: they stand for all that is outside.
        rows: Currents of the table.
        columns: Fluxes of the table, 0 to 0.5.
        low: Current of the first row, a scalar tensor.
        high: Current of the last row.
        edge: Whether currents outside take the nearest row; otherwise they give 0, linearly within one row's
            distance.
    """

    bordered: Tensor
    rows: int
    columns: int
    low: Tensor
    high: Tensor
    edge: bool = False

    @classmethod
    def of(cls, table: Tensor, low: Tensor, high: Tensor, *, edge: bool = False) -> Rates:
        """The source function of a table, (rows, columns)."""
        rows, columns = table.shape
        bordered = table.new_zeros(rows + 4, columns + 2)
        bordered[2:-2, :-2] = table  # several times as fast as torch's padding
        return cls(bordered.flatten(), rows, columns, low, high, edge)

    def __call__(self, phi: Tensor, current: Tensor) -> Tensor:
        """g at flux ``phi`` (flux quanta) and ``current`` (critical currents)."""
        if self.edge:
            current = torch.minimum(torch.maximum(current, self.low), self.high)
        folded = torch.remainder(phi, 1.0)
        folded = torch.minimum(folded, 1.0 - folded)
        # the order of these operations decides which of two cells a flux on their border is in, so it stays
        x = ((4.0 * folded - 1.0) + 1.0) / 2.0 * (self.columns - 1)
        y = ((2.0 * (current - self.low) / (self.high - self.low) - 1.0) + 1.0) / 2.0 * (self.rows - 1)
        return self._bilinear(x, y.clamp(-2.0, self.rows + 0.5))

    def _bilinear(self, x: Tensor, y: Tensor) -> Tensor:
        """The table at column ``x`` and row ``y``, zero outside."""
        stride, flat = self.columns + 2, self.bordered
        left, above = x.detach().floor(), y.detach().floor()
        # clamped as integers, so that NaN stays within the table
        at = (above.long().clamp(-2, self.rows) + 2) * stride + left.long().clamp(0, self.columns - 1)
        x, y = x - left, y - above
        upper, lower = flat[at], flat[at + stride]
        upper = upper + x * (flat[at + 1] - upper)
        lower = lower + x * (flat[at + (stride + 1)] - lower)
        return upper + y * (lower - upper)


def among(sources: Iterable[object]) -> Rates | None:
    """The rate table of some source functions; a circuit has one at most."""
    return next((source for source in sources if isinstance(source, Rates)), None)


class Kept:
    """The source function of a network's table, made anew only after the table was written or replaced."""

    def __init__(self) -> None:
        self._tensors: tuple[Tensor, ...] = ()
        self._versions: tuple[int, ...] = ()
        self._rates: Rates | None = None

    def of(self, table: Tensor, ends: Tensor, *, edge: bool) -> Rates:
        """The source function of a table, (rows, columns), whose first and last currents are ``ends``."""
        if passing() or table.requires_grad or table.is_inference():
            return Rates.of(table, *ends.unbind(), edge=edge)
        tensors, versions = (table, ends), (table._version, ends._version, int(edge))
        same = versions == self._versions and all(map(is_, tensors, self._tensors))
        if self._rates is None or not same:
            rates = Rates.of(table, *ends.unbind(), edge=edge)
            if type(rates.bordered) is not Tensor:  # of some mode that only pretends to compute
                return rates
            self._tensors, self._versions, self._rates = tensors, versions, rates
        return self._rates
