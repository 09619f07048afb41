"""Running sums of what is measured, kept on the device until somebody reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .place import Place


class Tally:
    """Adds up lists of small tensors in one flat float64 tensor, and host numbers beside it.

    The layout is that of the first list; every later one must have the same lengths.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.flat = torch.zeros(0, dtype=torch.float64, device=place.device)
        self.views: list[Tensor] = []
        self.numbers: list[float] = []

    def add(self, pieces: Sequence[Tensor], numbers: Sequence[float]) -> None:
        """Add one batch's ``pieces`` (scalars or 1-d tensors on the device) and host ``numbers``."""
        if not self.views:
            self._lay_out(pieces, numbers)
        torch._foreach_add_(self.views, list(pieces))
        for index, number in enumerate(numbers):
            self.numbers[index] += number

    def read(self) -> tuple[list[Tensor], list[float]]:
        """Sums over all batches and ranks, on the host: float64 pieces and numbers. Waits for the device."""
        flat, numbers = self.flat, self.numbers
        if self.place.world > 1:
            self.agree_on_layout()
            flat, numbers = self.flat, self.numbers
            extra = torch.tensor(numbers, dtype=torch.float64, device=flat.device)
            both = torch.cat([flat, extra])
            self.place.sum_over_ranks([both])
            flat, numbers = both[: flat.numel()], both[flat.numel() :].tolist()
        sizes = [view.numel() for view in self.views]
        return list(flat.cpu().split(sizes)) if sizes else [], list(numbers)

    def clear(self) -> None:
        """Begin anew."""
        self.flat.zero_()
        self.numbers = [0.0] * len(self.numbers)

    def state(self) -> dict[str, Any]:
        """Sums so far and their layout, on the host."""
        return {
            "flat": self.flat.cpu().clone(),
            "shapes": [list(view.shape) for view in self.views],
            "numbers": list(self.numbers),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.flat = state["flat"].to(self.place.device)
        self.numbers = [float(number) for number in state["numbers"]]
        self._cut([torch.Size(shape) for shape in state["shapes"]])

    def _lay_out(self, pieces: Sequence[Tensor], numbers: Sequence[float]) -> None:
        size = sum(piece.numel() for piece in pieces)
        self.flat = torch.zeros(size, dtype=torch.float64, device=self.place.device)
        self.numbers = [0.0] * len(numbers)
        self._cut([piece.shape for piece in pieces])

    def agree_on_layout(self) -> None:
        """A rank that had no batch takes the layout of one that had."""
        (somebody_lacks_it,) = self.place.vote.largest(int(not self.views))
        if not somebody_lacks_it:
            return
        mine = ([list(view.shape) for view in self.views], len(self.numbers))
        for shapes, numbers in self.place.vote.gather(mine):
            if shapes and not self.views:
                self.numbers = [0.0] * numbers
                size = sum(torch.Size(shape).numel() for shape in shapes)
                self.flat = torch.zeros(size, dtype=torch.float64, device=self.place.device)
                self._cut([torch.Size(shape) for shape in shapes])

    def _cut(self, shapes: Sequence[torch.Size]) -> None:
        self.views, start = [], 0
        for shape in shapes:
            self.views.append(self.flat[start : start + shape.numel()].view(shape))
            start += shape.numel()
