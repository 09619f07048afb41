"""Gaussian noise on inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.sources.source import Sample
from leyden.data.transforms.transform import Transform, transform
from leyden.spec.errors import DataError


@transform("noise")
@dataclass(frozen=True, kw_only=True)
class Noise(Transform):
    """Independent Gaussian noise added to every number of an input of any shape.

    Args:
        std: Standard deviation, in units of the input.
        p: Probability that a sample gets noise at all.

    Example:
        type: noise
        std: 0.05
    """

    std: Annotated[float, Field(ge=0)]
    p: Annotated[float, Field(ge=0, le=1)] = 1.0

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        values = sample["input"]
        if values.dtype.kind != "f":
            raise DataError(f"transform `noise` needs inputs of a float type, but they are {values.dtype}")
        if rng.random() >= self.p:
            return sample
        noise = rng.standard_normal(values.shape, np.float32) * np.float32(self.std)
        return {**sample, "input": values + noise.astype(values.dtype, copy=False)}
