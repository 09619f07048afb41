"""Transforms of pictures, written once for a whole batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from leyden.data.sources.source import Batch, Sample
from leyden.data.transforms.transform import Transform
from leyden.spec.errors import DataError


class PictureTransform(Transform):
    """A transform of inputs (channels, height, width); a sample is a batch of one."""

    @abstractmethod
    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        """New pictures (batch, channels, height, width) for ``pictures`` of that shape, which are left alone.

        Each picture's draws come from its own generator, so that no picture depends on its neighbours.
        """

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        return {**sample, "input": self._changed(sample["input"][None], [rng])[0]}

    def batch(self, batch: Batch, rngs: Sequence[np.random.Generator], /) -> Batch:
        return {**batch, "input": self._changed(batch["input"], rngs)}

    def _changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        if pictures.ndim != 4:
            rule = f"transform `{type(self).__name__.lower()}` needs pictures (channels, height, width)"
            raise DataError(f"{rule}, but inputs have shape {pictures.shape[1:]}")
        return self.changed(pictures, rngs)


def drawn(rngs: Sequence[np.random.Generator], p: float) -> np.ndarray:
    """For each sample whether its draw (the first of its generator here) falls below ``p``."""
    return np.array([rng.random() < p for rng in rngs], bool)
