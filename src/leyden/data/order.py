"""The order of samples in every epoch of a run: any stretch of it, at once."""

from __future__ import annotations

import numpy as np

from leyden.data.plan import Plan
from leyden.data.samplers.sampler import Sampler

BLOCK = 32768  # positions computed together: enough that numpy's cost a call vanishes, few enough for a cache


class Order:
    """A sampler bound to its data and seed; remembers the last blocks, which changes no result.

    Args:
        sampler: Which sample stands at each position.
        num_samples: Samples of the dataset.
        seed: Seed of the run (of the repeat).
        labels: Class of every sample (int64), for samplers that need it.
    """

    def __init__(
        self, sampler: Sampler, *, num_samples: int, seed: int, labels: np.ndarray | None = None
    ) -> None:
        self.length = sampler.length(num_samples)
        self._sampler = sampler
        self._num_samples = num_samples
        self._seed = seed
        self._labels = labels
        self._blocks: dict[tuple[int, int], np.ndarray] = {}

    def indices(self, epoch: int, first: int, end: int) -> np.ndarray:
        """Sample indices (int64) at the positions ``first`` to ``end`` (exclusive) of an epoch."""
        block, start = divmod(first, BLOCK)
        if end - first <= BLOCK - start:
            return self._block(epoch, block)[start : start + end - first]
        last = (end - 1) // BLOCK
        stretch = np.concatenate([self._block(epoch, number) for number in range(block, last + 1)])
        return stretch[start : start + end - first]

    def _block(self, epoch: int, number: int) -> np.ndarray:
        block = self._blocks.get((epoch, number))
        if block is None:
            while len(self._blocks) > 1:
                del self._blocks[next(iter(self._blocks))]
            positions = np.arange(number * BLOCK, min((number + 1) * BLOCK, self.length), dtype=np.int64)
            block = self._sampler.indices(
                positions, seed=self._seed, epoch=epoch, num_samples=self._num_samples, labels=self._labels
            )
            self._blocks[epoch, number] = block
        return block


def indices_of_step(plan: Plan, order: Order, step: int) -> np.ndarray:
    """Indices of the samples (int64) of one optimizer step, over all devices."""
    return order.indices(*plan.positions(step))
