"""Every class equally often, its samples in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.classes import classes_of
from leyden.data.permutation import permuted, random_bits
from leyden.data.samplers.sampler import Sampler, sampler
from leyden.spec.seeds import fold_in


@sampler("balanced")
@dataclass(frozen=True, kw_only=True)
class Balanced(Sampler):
    """Every class equally often, in every stretch; no sample twice before its class has been through.

    Positions come in rounds of as many as there are classes, each round all classes in random order. The
    draws of a class go through its samples in random cycles that run on from one epoch into the next: a large
    class is seen whole after some epochs.

    Args:
        factor: Length of an epoch as a multiple of the number of samples.

    Example:
        type: balanced
        factor: 0.5
    """

    factor: Annotated[float, Field(gt=0)] = 1.0

    def length(self, num_samples: int, /) -> int:
        return max(1, round(num_samples * self.factor))

    def indices(
        self, positions: np.ndarray, /, *, seed: int, epoch: int, num_samples: int, labels: np.ndarray | None
    ) -> np.ndarray:
        classes = classes_of(labels, wanted_by="sampler `balanced`")
        rounds_per_epoch = -(-self.length(num_samples) // len(classes))
        rounds = positions // len(classes) + epoch * rounds_per_epoch
        drawn = _classes_drawn(
            rounds, positions % len(classes), len(classes), fold_in(seed, "order", "class")
        )
        indices = np.empty(len(positions), np.int64)
        for number, (start, count) in enumerate(zip(classes.starts, classes.counts, strict=True)):
            here = np.flatnonzero(drawn == number)
            cycles, places = np.divmod(rounds[here], count)
            for cycle in np.unique(cycles):
                now = cycles == cycle
                key = fold_in(seed, "order", "member", number, int(cycle))
                indices[here[now]] = classes.members[start + permuted(places[now], n=int(count), key=key)]
        return indices


def _classes_drawn(rounds: np.ndarray, places: np.ndarray, classes: int, key: int) -> np.ndarray:
    """The class at each place of its round: per round a random permutation, from sorted random keys."""
    distinct, which = np.unique(rounds, return_inverse=True)
    keys = random_bits(distinct[:, None] * classes + np.arange(classes), key=key)  # (rounds, classes)
    return np.argsort(keys, axis=1, kind="stable")[which, places]
