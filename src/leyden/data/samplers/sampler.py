"""The contract of samplers: which sample stands at each position of an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from leyden.spec.parts import Kind

sampler = Kind("sampler")


@sampler.contract
class Sampler(ABC):
    """A pure function of (seed, epoch, position)."""

    def length(self, num_samples: int, /) -> int:
        """Positions in one epoch."""
        return num_samples

    @abstractmethod
    def indices(
        self, positions: np.ndarray, /, *, seed: int, epoch: int, num_samples: int, labels: np.ndarray | None
    ) -> np.ndarray:
        """Sample indices (int64) at ``positions`` (int64) of an epoch; no work that grows with the epoch."""
