"""Pieces that steps have learnt from and that wait to be measured, many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from .score import Score
from .tally import Tally

#: numbers kept at most; where there are more, an operation costs what its numbers cost
SMALL = 1 << 16


class Scored(NamedTuple):
    """One micro-batch: its loss terms' sums, and either its metrics' or what they will be taken of."""

    totals: list[Tensor]
    measures: list[Tensor]
    outputs: Tensor | None
    targets: Tensor | None


class Backlog:
    """Puts the measuring of small outputs off: ten numbers cost an operation as much as ten thousand do.

    Metrics are sums over samples, so they may be taken of several steps together. What waits is a function of
    the steps since the last `settle`, which is called at the end of every window: a run that was stopped and
    goes on adds up the same numbers in the same order.

    Args:
        score: Loss terms and metrics.
        tally: What it is all added to.
    """

    def __init__(self, score: Score, tally: Tally) -> None:
        self.score = score
        self.tally = tally
        self._pieces: list[Scored] = []
        self._counts = [0.0] * len(score.terms)
        self._kept = 0

    def scored(self, totals: Sequence[Tensor], outputs: Tensor, targets: Tensor) -> Scored:
        """A piece to `add` once the step is through. Large outputs are measured here and now."""
        sums, outputs = [total.detach() for total in totals], outputs.detach()
        if outputs.numel() > SMALL:
            return Scored(sums, self.score.measures(outputs, targets), None, None)
        return Scored(sums, [], outputs.clone(), targets)  # its memory may be the model's, used again

    def add(self, pieces: Iterable[Scored], counts: Sequence[float]) -> None:
        """Take in the pieces of one step, and its terms' counts."""
        for piece in pieces:
            self._pieces.append(piece)
            self._kept += 0 if piece.outputs is None else piece.outputs.numel()
        self._counts = [a + b for a, b in zip(self._counts, counts, strict=True)]
        if self._kept > SMALL:
            self.settle()

    def settle(self) -> None:
        """Measure what waits, and add all of it to the tally."""
        for _, alike in groupby(self._pieces, _shape):
            pieces = list(alike)
            measures = pieces[0].measures
            if pieces[0].outputs is not None:
                outputs = [piece.outputs for piece in pieces if piece.outputs is not None]
                targets = [piece.targets for piece in pieces if piece.targets is not None]
                measures = self.score.measures(_joined(outputs), _joined(targets))
            totals = [_summed(sums) for sums in zip(*(piece.totals for piece in pieces), strict=True)]
            self.tally.add([*totals, *measures], self._counts)
            self._counts = [0.0] * len(self._counts)
        self.drop()

    def drop(self) -> None:
        """Forget what waits."""
        self._pieces, self._kept = [], 0
        self._counts = [0.0] * len(self._counts)


def _shape(piece: Scored) -> object:
    """Equal for pieces that can be measured together; a piece that is measured stands alone."""
    if piece.outputs is None or piece.targets is None:
        return id(piece)
    return piece.outputs.shape[1:], piece.targets.shape[1:], piece.outputs.dtype


def _joined(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _summed(scalars: Sequence[Tensor]) -> Tensor:
    return scalars[0] if len(scalars) == 1 else torch.stack(list(scalars)).sum(dtype=torch.float64)
