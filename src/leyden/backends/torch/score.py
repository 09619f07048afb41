"""What a batch is scored by: loss terms and metrics, as sums that add over batches and ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from leyden.losses.objective import Objective
from leyden.metrics.metric import Metric

from .tally import Tally

#: sums of loss terms and metrics, and what each term's sum is divided by
Scores = tuple[list[Tensor], list[Tensor | int]]


class Score:
    """Sums of loss terms and metrics, and back from sums to named numbers.

    A step's counts are numbers, made on the host before its targets leave it. Where targets are on a device
    already, in evaluations, a count that depends on their values stays there.
    """

    def __init__(self, objective: Objective, metrics: dict[str, Metric]) -> None:
        self.objective = objective
        self.terms = tuple(objective.terms.values())
        self.metrics = metrics
        self._metrics = tuple(metrics.values())

    def counts(self, targets: Tensor) -> list[float]:
        """What each term's sum is divided by; needs no forward pass. For targets on the host."""
        counts = [term.count(targets) for term in self.terms]
        return [count.item() if isinstance(count, Tensor) else count for count in counts]

    def totals(self, outputs: Tensor, targets: Tensor) -> list[Tensor]:
        """Every term's sum (a scalar), with its graph."""
        return [term.total(outputs, targets) for term in self.terms]

    def measures(self, outputs: Tensor, targets: Tensor) -> list[Tensor]:
        """Every metric's sums (1-d); ``outputs`` carry no graph."""
        return [metric.sums(outputs, targets) for metric in self._metrics]

    @torch.no_grad()
    def scores(self, outputs: Tensor, targets: Tensor) -> Scores:
        """Sums and counts of a batch that nothing is learnt from."""
        pieces = [*self.totals(outputs, targets), *self.measures(outputs, targets)]
        return pieces, [term.count(targets) for term in self.terms]

    def values(self, tally: Tally, prefix: str, step: int) -> dict[str, float]:
        """Means and metrics over all ranks, named ``<prefix>/loss``, ``<prefix>/<metric>`` ...

        The loss is the weighted sum of the terms' means, with the weights of optimizer step ``step``.
        """
        return self.named(*tally.read(), prefix, step)

    def named(
        self, pieces: Sequence[Tensor], numbers: Sequence[float], prefix: str, step: int
    ) -> dict[str, float]:
        """The same from sums that were read before."""
        if not pieces:
            return {}
        names, terms = self.objective.names, len(self.terms)
        sums = [float(piece) for piece in pieces[:terms]]
        measured = pieces[terms : terms + len(self._metrics)]
        counts = list(numbers) or [float(piece) for piece in pieces[terms + len(measured) :]]
        means = [total / count if count else math.nan for total, count in zip(sums, counts, strict=True)]
        weights = self.objective.weights_at(step)
        values = {f"{prefix}/loss": sum(weight * mean for weight, mean in zip(weights, means, strict=True))}
        if terms > 1:
            values |= {f"{prefix}/loss/{name}": mean for name, mean in zip(names, means, strict=True)}
        for (name, metric), piece in zip(self.metrics.items(), measured, strict=True):
            values[f"{prefix}/{name}"] = metric.compute(piece.numpy())
        return values


def add_scores(tally: Tally, pieces: list[Tensor], counts: Sequence[Tensor | int]) -> None:
    """Add sums and counts; counts stay on the host if all of them are there."""
    if any(isinstance(count, Tensor) for count in counts):
        device = pieces[0].device  # a fill there; a copy from the host would wait for the device
        counts = [c if isinstance(c, Tensor) else torch.full((), float(c), device=device) for c in counts]
        tally.add([*pieces, *counts], ())
    else:
        tally.add(pieces, counts)  # pyright: ignore[reportArgumentType]
