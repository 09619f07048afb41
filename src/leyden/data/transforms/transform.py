"""The contract of transforms: a sample to a sample, the generator an argument."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from leyden.data.sources.source import Sample
from leyden.spec.parts import Kind

transform = Kind("transform")


@transform.contract
class Transform(ABC):
    """Pure in (sample, generator); the generator is derived from (seed, epoch, index)."""

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample: ...
