"""The objective: a weighted sum of named loss terms, the same however a step is cut into pieces.

Term k of an optimizer step is sum_k / count_k over *all* its samples. A piece (one micro-batch on one
device) adds its own sum, divided by the count of the whole step; the pieces' gradients then add up:

    counts = objective.counts(targets of this device's whole share)     # before any forward pass
    all_reduce(counts, sum)                                             # over the devices
    for each micro-batch:
        value, sums = objective.total(outputs, targets, counts, step)
        value.backward()
    all_reduce(gradients, sum)                                          # no mean: counts are the whole step's
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leyden.schedules.schedule import Horizon, Schedule
from leyden.spec.errors import UserError

from ._precision import counting_type, full_precision
from .loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Objective:
    """Named terms and their weights. A weight is a number, or a schedule of base 1 read at every step.

    Args:
        terms: term name -> loss.
        weights: term name -> its weight; 1 where a term has none.
        horizon: the run's length, which the schedules among the weights are resolved against.

    Raises:
        UserError: no terms, a weight for a term that is not there.
    """

    def __init__(
        self, terms: Mapping[str, Loss], weights: Mapping[str, float | Schedule], horizon: Horizon, /
    ) -> None:
        if not terms:
            raise UserError("an objective needs at least one loss term, but got none; name one under `loss`")
        if strangers := sorted(weights.keys() - terms.keys()):
            raise UserError(f"a weight belongs to a loss term, but {strangers} is none of {list(terms)}")
        self.terms = dict(terms)
        self.weights = {name: weights.get(name, 1.0) for name in terms}
        self.horizon = horizon

    @property
    def names(self) -> tuple[str, ...]:
        """Term names, in the order of every tensor (terms,) here."""
        return tuple(self.terms)

    def weights_at(self, step: int) -> tuple[float, ...]:
        """Every term's weight in optimizer step ``step`` (0 is the first)."""
        return tuple(
            weight.value(step, 1.0, self.horizon) if isinstance(weight, Schedule) else weight
            for weight in self.weights.values()
        )

    def counts(self, targets: Tensor) -> Tensor:
        """How much ``targets`` count in each term, (terms,) on their device; adds over pieces."""
        import torch

        dtype = counting_type(targets.device)
        counts = [term.count(targets) for term in self.terms.values()]
        # a fill, not a copy from the host: a copy would wait for all that an accelerator has queued
        return torch.stack(
            [
                torch.full((), n, dtype=dtype, device=targets.device) if isinstance(n, int) else n.to(dtype)
                for n in counts
            ]
        )

    def total(self, outputs: Tensor, targets: Tensor, counts: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What one piece adds to the step's objective, and each term's plain sum.

        ``counts`` (terms,) are the whole step's, over all pieces and devices. The first result is the scalar
        to go backward from; the second (terms,) is detached and unweighted: added up over the pieces and
        divided by ``counts`` it is the terms' means. A term of which the whole step counts nothing adds
        nothing. Nothing here waits for the device.
        """
        import torch

        sums = [full_precision(term.total(outputs, targets)) for term in self.terms.values()]
        shares = counts.clamp_min(1e-30).reciprocal()  # where nothing counts: 1e30 times a sum of exactly 0
        pieces = [s * (share * w) for s, share, w in zip(sums, shares, self.weights_at(step), strict=True)]
        value = pieces[0] if len(pieces) == 1 else torch.stack(pieces).sum()
        return value, torch.stack([s.detach() for s in sums]).to(counts.dtype)

    def value(self, sums: Tensor, counts: Tensor, step: int) -> Tensor:
        """The objective from terms' added-up sums and counts, a scalar; NaN where a term counted nothing."""
        import torch

        means = sums / counts
        return torch.stack([mean * w for mean, w in zip(means, self.weights_at(step), strict=True)]).sum()
