"""Every sample once an epoch, in the order of the file."""

from __future__ import annotations

import numpy as np

from leyden.data.samplers.sampler import Sampler, sampler


@sampler("sequential")
class Sequential(Sampler):
    """Every sample once an epoch, in the order in which the data holds them.

    Example:
        type: sequential
    """

    def indices(
        self, positions: np.ndarray, /, *, seed: int, epoch: int, num_samples: int, labels: np.ndarray | None
    ) -> np.ndarray:
        return positions
