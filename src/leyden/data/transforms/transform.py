"""The contract of transforms: a sample to a sample, the generator an argument."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leyden.data.sources.source import Batch, Sample, Source
from leyden.spec.parts import Kind

transform = Kind("transform")


@transform.contract
class Transform(ABC):
    """Pure in (sample, generator); the generator is derived from (seed, epoch, index)."""

    #: False where `batch` is one array operation and no generator is looked at
    per_sample: bool = True

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample: ...

    def batch(self, batch: Batch, rngs: Sequence[np.random.Generator], /) -> Batch:
        """The same for a whole batch, one generator a sample; fixed transforms override it."""
        samples = [self({n: a[i] for n, a in batch.items()}, rngs[i]) for i in range(len(batch["input"]))]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]} if samples else batch

    def fitted(self, source: Source, indices: np.ndarray, /) -> dict[str, Any]:
        """What has to be measured on the training samples, in plain values; empty where nothing has."""
        return {}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Transform:
        """This transform with what `fitted` measured."""
        return self
