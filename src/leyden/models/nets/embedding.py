"""From a sequence to vectors with positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leyden.spec.errors import UserError

from .positions import sincos


class Embedding(nn.Module):
    """Token ids or features -> vectors, plus positions, after an optional class token.

    Args:
        d_model: width of the vectors.
        features: numbers at each position; 0 for token ids.
        vocab_size: how many token ids there are; 0 for features.
        max_len: longest sequence, the class token included.
        pos: ``learned`` and ``sincos`` are added here.
        class_token: put one learned vector in front.
        pad_id: token id that is hidden; None hides none.
        dropout: share of values that is zeroed while training.
    """

    positions: Tensor | nn.Embedding

    def __init__(
        self,
        d_model: int,
        *,
        features: int,
        vocab_size: int,
        max_len: int,
        pos: str,
        class_token: bool,
        pad_id: int | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.max_len = max_len
        self.pos = pos
        self.pad_id = pad_id
        self.values = nn.Linear(features, d_model) if features else nn.Embedding(vocab_size, d_model, pad_id)
        self.class_token = nn.Parameter(torch.zeros(d_model)) if class_token else None
        if pos == "learned":
            self.positions = nn.Embedding(max_len, d_model)
        else:
            empty = torch.empty(max_len if pos == "sincos" else 0, d_model)
            self.register_buffer("positions", empty, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def reset_parameters(self) -> None:
        """What layers do not draw for themselves: the class token and the table of waves."""
        if self.class_token is not None:
            nn.init.normal_(self.class_token, std=0.02)
        if self.pos == "sincos":
            assert isinstance(self.positions, Tensor)
            self.positions.copy_(sincos(*self.positions.shape))

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(batch, time) or (batch, time, features) -> (batch, time, d_model), and which positions are valid.

        With a class token both results are one position longer. None where every position is valid.
        """
        mask = self._valid(x, mask)
        if isinstance(self.values, nn.Linear):
            x = (x if x.ndim == 3 else x.unsqueeze(2)).to(self.values.weight.dtype)
            x = self.values(x)
        else:
            x = self.values(x.long())
        if self.class_token is not None:
            x = torch.cat([self.class_token.to(x.dtype).expand(x.shape[0], 1, -1), x], dim=1)
            mask = None if mask is None else torch.cat([mask.new_ones(mask.shape[0], 1), mask], dim=1)
        return self.dropout(self._placed(x)), mask

    def _valid(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        if mask is not None:
            if mask.shape != x.shape[:2]:
                raise UserError(
                    f"mask must be (batch, time) = {tuple(x.shape[:2])} as the inputs are, but has shape "
                    f"{tuple(mask.shape)}; store one 0 or 1 for each position"
                )
            mask = mask.bool()
        if self.pad_id is None:
            return mask
        known = x != self.pad_id
        return known if mask is None else mask & known

    def _placed(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        if length > self.max_len:
            raise UserError(
                f"sequences must fit into max_len {self.max_len}, a class token included, but this one has "
                f"{length} positions; set model.max_len: {length}"
            )
        if self.pos in ("rope", "none"):
            return x
        table = self.positions.weight if isinstance(self.positions, nn.Embedding) else self.positions
        return x + table[:length].to(x.dtype)
