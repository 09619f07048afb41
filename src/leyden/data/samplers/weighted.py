"""Samples drawn with replacement, rare classes more often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.classes import classes_of
from leyden.data.permutation import uniform
from leyden.data.samplers.sampler import Sampler, sampler
from leyden.spec.seeds import fold_in


@sampler("weighted")
@dataclass(frozen=True, kw_only=True)
class Weighted(Sampler):
    """Independent draws with replacement; a sample of a class with n samples has weight n^-power.

    A position's draw is the inverse of the cumulated class shares at a uniform number that is a function of
    (seed, epoch, position), so that no draw needs the ones before it.

    Args:
        power: 0 draws every sample equally often, 1 every class, 0.5 lies between.
        factor: Length of an epoch as a multiple of the number of samples.

    Example:
        type: weighted
        power: 0.5
    """

    power: Annotated[float, Field(ge=0)] = 1.0
    factor: Annotated[float, Field(gt=0)] = 1.0

    def length(self, num_samples: int, /) -> int:
        return max(1, round(num_samples * self.factor))

    def indices(
        self, positions: np.ndarray, /, *, seed: int, epoch: int, num_samples: int, labels: np.ndarray | None
    ) -> np.ndarray:
        classes = classes_of(labels, wanted_by="sampler `weighted`")
        mass = np.cumsum(classes.counts.astype(np.float64) ** (1 - self.power))
        key = fold_in(seed, "order", epoch)
        drawn = np.searchsorted(mass, uniform(positions, key=fold_in(key, "class")) * mass[-1], side="right")
        drawn = np.minimum(drawn, len(classes) - 1)  # a product may round up to the last mass
        within = uniform(positions, key=fold_in(key, "member")) * classes.counts[drawn]
        return classes.members[classes.starts[drawn] + within.astype(np.int64)]
