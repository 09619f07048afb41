"""A square of a picture blanked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.sources.source import Sample
from leyden.data.transforms._pictures import picture_of
from leyden.data.transforms.transform import Transform, transform


@transform("cutout")
@dataclass(frozen=True, kw_only=True)
class Cutout(Transform):
    """A square around a random pixel set to one value; at the border part of it (DeVries, arXiv:1708.04552).

    Args:
        size: Side of the square in pixels.
        fill: Value that is put there.
        p: Probability that a sample is cut.

    Example:
        type: cutout
        size: 8
    """

    size: Annotated[int, Field(ge=1)]
    fill: float = 0.0
    p: Annotated[float, Field(ge=0, le=1)] = 1.0

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        picture = picture_of(sample, "cutout")
        if rng.random() >= self.p:
            return sample
        top, left = rng.integers(0, picture.shape[1:]) - self.size // 2
        cut = picture.copy()
        cut[:, max(0, top) : top + self.size, max(0, left) : left + self.size] = self.fill
        return {**sample, "input": cut}
