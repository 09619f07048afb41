"""Attention, and the block of a pre-norm transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from .activations import ACTIVATIONS

NORMS: dict[str, type[nn.Module]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor | None, turn: Tensor | None) -> Tensor:
        """(batch, time, d_model) -> the same; ``mask`` (batch, time) is true where a position is visible."""
        qkv = self.qkv(x).unflatten(2, (3, self.heads, -1))  # (batch, time, 3, heads, width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (batch, heads, time, width)
        if turn is not None:
            q, k = rotate(q, turn), rotate(k, turn)
        visible = None if mask is None else mask[:, None, None, :]
        dropout = self.dropout if self.training else 0.0
        y = scaled_dot_product_attention(q, k, v, attn_mask=visible, dropout_p=dropout)
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then a hidden layer, each added to what it read after a norm."""

    def __init__(
        self,
        d_model: int,
        heads: int,
        *,
        hidden: int,
        dropout: float,
        attn_dropout: float,
        norm: str,
        activation: str,
    ) -> None:
        super().__init__()
        self.norm1 = NORMS[norm](d_model)
        self.attention = Attention(d_model, heads, attn_dropout)
        self.norm2 = NORMS[norm](d_model)
        self.up = nn.Linear(d_model, hidden)
        self.activation = ACTIVATIONS[activation]()
        self.down = nn.Linear(hidden, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None, turn: Tensor | None) -> Tensor:
        """(batch, time, d_model) -> the same."""
        x = x + self.dropout(self.attention(self.norm1(x), mask, turn))
        hidden = self.dropout(self.activation(self.up(self.norm2(x))))
        return x + self.dropout(self.down(hidden))


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn pairs of values by an angle that grows with the position (Su et al. 2021, arXiv:2104.09864).

    ``x`` is (..., time, width); ``turn`` (2, time, width / 2) holds cosines and sines. Value i is paired with
    value i + width / 2.
    """
    cos, sin = turn.to(x.dtype).unbind(0)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
