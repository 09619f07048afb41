"""Source functions without recording: their values at one step, and their slopes at many points at once."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..torch.rates import Rates
from ..torch.sources import Source

#: g and its derivatives by flux and current, shape of the flux each
Slopes = tuple[Tensor, Tensor, Tensor]


class Evaluated(Protocol):
    """A source function in two parts, of which the first needs no state."""

    def fold(self, phi: Tensor) -> Tensor:
        """Whatever can be computed from the flux alone, of any shape."""
        ...

    def value(self, folded: Tensor, current: Tensor) -> Tensor:
        """g at what ``fold`` made of the flux, (batch, nodes)."""
        ...

    def slopes(self, phi: Tensor, current: Tensor) -> Slopes:
        """g and its derivatives at every point."""
        ...


def evaluated(source: Source) -> Evaluated:
    """The quickest evaluation of a source function on torch operations."""
    return Sampled(source) if isinstance(source, Rates) and not source.edge else Plain(source)


class Plain:
    """Any source function, differentiated by torch.

    Args:
        source: The function.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def fold(self, phi: Tensor) -> Tensor:
        """The flux itself."""
        return phi

    def value(self, folded: Tensor, current: Tensor) -> Tensor:
        """The function."""
        return self.source(folded, current)

    def slopes(self, phi: Tensor, current: Tensor) -> Slopes:
        """The function is elementwise, so one backward pass through its sum has all derivatives."""
        with torch.enable_grad():
            points = [t.detach().expand_as(phi).requires_grad_() for t in (phi, current)]
            g = self.source(points[0], points[1])
            by_phi, by_current = torch.autograd.grad(
                g.sum(), points, allow_unused=True, materialize_grads=True
            )
        return g.detach(), by_phi, by_current


class Sampled:
    """A rate table by torch's bilinear sampling of an image.

    Args:
        rates: The table.
    """

    def __init__(self, rates: Rates) -> None:
        table = rates.bordered.view(rates.rows + 4, rates.columns + 2)[2:-2, :-2]
        self.image, self.span = table[None, None], rates.high - rates.low
        # rows go from -1 to 1 as well: one multiplication and one addition from a current
        self.slope = 2.0 / float(self.span)
        self.first = -1.0 - 2.0 * rates.low / self.span

    def fold(self, phi: Tensor) -> Tensor:
        """The column, -1 to 1."""
        return (phi - phi.round()).abs_().mul_(4.0).sub_(1.0)

    def value(self, folded: Tensor, current: Tensor) -> Tensor:
        """The table at a column and the row of a current."""
        return torch.grid_sampler_2d(self.image, self._grid(folded, current), 0, 0, True).view(folded.shape)

    def slopes(self, phi: Tensor, current: Tensor) -> Slopes:
        """The slopes of the cell that each point is in."""
        grid = self._grid(self.fold(phi), current.expand_as(phi))
        g = torch.grid_sampler_2d(self.image, grid, 0, 0, True)
        _, slope = torch.ops.aten.grid_sampler_2d_backward(
            torch.ones_like(g), self.image, grid, 0, 0, True, (False, True)
        )
        by_column, by_row = slope.view(*phi.shape, 2).unbind(-1)
        # rising in the first half of a period, falling in the second, neither where they meet
        rising = (phi - phi.floor()).sub_(0.5).sign_().mul_(-4.0)
        return g.view(phi.shape), rising.mul_(by_column), by_row * self.slope

    def _grid(self, folded: Tensor, current: Tensor) -> Tensor:
        row = torch.add(self.first, current, alpha=self.slope)
        return torch.stack([folded, row], -1).view(1, 1, -1, 2)
