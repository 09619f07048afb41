"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .activations import ACTIVATIONS
from .init import initialise


class Perceptron(nn.Module):
    """Linear layers with norm, activation and dropout between them, then a linear head."""

    def __init__(
        self, inputs: int, outputs: int, *, hidden: Sequence[int], activation: str, norm: str, dropout: float
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Linear(before, after),
                    _norm(norm, after),
                    ACTIVATIONS[activation](),
                    nn.Dropout(dropout),
                )
                for before, after in zip(widths, hidden, strict=False)
            )
        )
        self.head = nn.Linear(widths[-1], outputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        initialise(self, linear="kaiming")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) -> (batch, outputs)."""
        x = x.reshape(x.shape[0], -1).to(self.head.weight.dtype)
        return self.head(self.blocks(x))


def _norm(norm: str, width: int) -> nn.Module:
    norms = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    return norms[norm](width)
