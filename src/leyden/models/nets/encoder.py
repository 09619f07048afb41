"""Pre-norm transformer encoder with a head on one pooled vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .attention import NORMS, Block
from .embedding import Embedding
from .init import initialise, truncated
from .positions import turns


class Encoder(nn.Module):
    """Embedding, blocks, norm, pooling, head.

    Args:
        embedding: what makes vectors of the inputs.
        blocks: in the order they are gone through.
        outputs: of the head.
        norm: before the pooling; without it the sum of all blocks would reach the head as it is.
        pool: ``mean`` over valid positions, ``cls`` for the first, ``last`` for the last valid one.
        rope: turn queries and keys by their positions.
    """

    turns: Tensor  # (2, max_len, width of a head / 2), or empty

    def __init__(
        self, embedding: Embedding, blocks: Sequence[Block], outputs: int, *, norm: str, pool: str, rope: bool
    ) -> None:
        super().__init__()
        d_model, heads = blocks[0].attention.out.out_features, blocks[0].attention.heads
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.norm = NORMS[norm](d_model)
        self.head = nn.Linear(d_model, outputs)
        self.pool = pool
        self.rope = rope
        shape = (2, embedding.max_len, d_model // heads // 2) if rope else (0,)
        self.register_buffer("turns", torch.empty(shape), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew. What adds to the residual stream starts smaller, the more of it there is."""
        initialise(self, linear="truncated")
        self.embedding.reset_parameters()
        for block in self.blocks:
            assert isinstance(block, Block)
            for layer in (block.attention.out, block.down):
                truncated(layer.weight, 0.02 / (2 * len(self.blocks)) ** 0.5)
        if self.rope:
            self.turns.copy_(turns(self.turns.shape[1], 2 * self.turns.shape[2]))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, time) ids or (batch, time, features) -> (batch, outputs).

        ``mask`` (batch, time) is true where a position is valid; mean and last pool zeros where none is.
        """
        x, valid = self.embedding(x, mask)
        # a row of which nothing is visible is NaN on some backends: it sees everything, and is dropped later
        seen = None if valid is None else valid | ~valid.any(1, keepdim=True)
        turn = self.turns[:, : x.shape[1]] if self.rope else None
        for block in self.blocks:
            x = block(x, seen, turn)
        return self.head(self._pooled(self.norm(x), valid))

    def _pooled(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """(batch, time, d_model) -> (batch, d_model)."""
        if self.pool == "cls":
            return x[:, 0]
        if valid is None:
            return x[:, -1] if self.pool == "last" else x.mean(1)
        if self.pool == "mean":
            weights = valid.unsqueeze(2).to(x.dtype)
            return (x * weights).sum(1) / weights.sum(1).clamp_min(1)
        last = (valid * torch.arange(valid.shape[1], device=x.device)).amax(1)
        x = x.gather(1, last[:, None, None].expand(-1, 1, x.shape[2])).squeeze(1)
        return x * valid.any(1, keepdim=True).to(x.dtype)
