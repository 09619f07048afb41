"""The contract of splits: which samples of the training data are held out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from leyden.spec.parts import Kind

split = Kind("split")


@split.contract
class Split(ABC):
    """A pure function of (seed, number of samples, labels)."""

    @abstractmethod
    def parts(self, num_samples: int, labels: np.ndarray | None, seed: int, /) -> dict[str, np.ndarray]:
        """Sorted index arrays for ``train``, ``val`` and ``test``; disjoint, together everything."""
