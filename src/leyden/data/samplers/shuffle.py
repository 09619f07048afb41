"""Every sample once an epoch, in a new random order each time."""

from __future__ import annotations

import numpy as np

from leyden.data.permutation import permuted
from leyden.data.samplers.sampler import Sampler, sampler
from leyden.spec.seeds import fold_in


@sampler("shuffle")
class Shuffle(Sampler):
    """Every sample once an epoch, in an order drawn anew from the run's seed for each epoch.

    Example:
        type: shuffle
    """

    def indices(
        self, positions: np.ndarray, /, *, seed: int, epoch: int, num_samples: int, labels: np.ndarray | None
    ) -> np.ndarray:
        return permuted(positions, n=num_samples, key=fold_in(seed, "order", epoch))
