"""Inputs with mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leyden.data.sources.source import Batch, Sample, Source
from leyden.data.transforms.transform import Transform, transform
from leyden.spec.errors import DataError

MEASURED = 4096  # samples looked at, evenly spread, where each has to be decoded
AT_ONCE = 1024


@transform("normalize")
@dataclass(frozen=True, kw_only=True)
class Normalize(Transform):
    """Inputs minus a mean, over a standard deviation.

    Pictures (channels, height, width) have one of each for every channel, other inputs for every feature (the
    last axis). Numbers that are not given are measured on the training samples as their source gives them,
    before other transforms; every set gets the same. A standard deviation of 0 counts as 1.

    Args:
        mean: One number for all channels or features, or one for each; null measures.
        std: Likewise.

    Raises:
        DataError: The numbers given are not as many as the channels or features.

    Example:
        type: normalize
        mean: [0.5]
        std: [0.25]
    """

    mean: float | list[float] | None = None
    std: float | list[float] | None = None

    per_sample = False  # not annotated: no field

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        return {**sample, "input": self._normal(sample["input"], sample["input"].ndim)}

    def batch(self, batch: Batch, rngs: Sequence[np.random.Generator], /) -> Batch:
        return {**batch, "input": self._normal(batch["input"], batch["input"].ndim - 1)}

    def fitted(self, source: Source, indices: np.ndarray, /) -> dict[str, Any]:
        if self.mean is not None and self.std is not None:
            return {}
        chosen = indices
        if not source.in_memory and len(indices) > MEASURED:
            chosen = indices[np.arange(MEASURED) * len(indices) // MEASURED]
        mean, std = _moments(source, chosen)
        return {"mean": mean.tolist(), "std": np.where(std == 0, 1, std).tolist()}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Normalize:
        if not fitted:
            return self
        return replace(
            self,
            mean=fitted["mean"] if self.mean is None else self.mean,
            std=fitted["std"] if self.std is None else self.std,
        )

    def _normal(self, values: np.ndarray, axes: int) -> np.ndarray:
        if self.mean is None or self.std is None:
            raise DataError(
                "transform `normalize` without numbers has to be measured on training samples first: "
                "use normalize.with_fitted(normalize.fitted(source, rows))"
            )
        centred = values - self._beside(self.mean, values, axes)
        centred /= self._beside(self.std, values, axes)
        return centred

    def _beside(self, number: float | list[float], values: np.ndarray, axes: int) -> np.ndarray:
        """The mean or the deviation, shaped to stand beside the values of one sample or of a batch."""
        array = np.atleast_1d(np.asarray(number, np.float32))
        axis = -3 if axes == 3 else -1
        if len(array) not in (1, values.shape[axis]):
            what = "channels" if axes == 3 else "features"
            raise DataError(
                f"transform `normalize` has {len(array)} numbers, but inputs have {values.shape[axis]} {what}"
            )
        return array[:, None, None] if axes == 3 else array


def _moments(source: Source, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (float64) per channel or feature, in two passes so that nothing cancels."""
    mean = _mean(source, indices, lambda values: values)
    return mean, np.sqrt(_mean(source, indices, lambda values: (values - mean) ** 2))


def _mean(source: Source, indices: np.ndarray, of: Any) -> np.ndarray:
    total, count = np.float64(0), 0
    for first in range(0, len(indices), AT_ONCE):
        inputs = source.gather(indices[first : first + AT_ONCE])["input"].astype(np.float64)
        rows = np.moveaxis(inputs, 1, -1) if inputs.ndim == 4 else inputs
        rows = rows.reshape(-1, rows.shape[-1])
        total = total + of(rows).sum(axis=0)
        count += len(rows)
    return np.asarray(total / max(1, count))
