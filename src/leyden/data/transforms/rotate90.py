"""Pictures turned by quarters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leyden.data.sources.source import Sample
from leyden.data.transforms._pictures import picture_of
from leyden.data.transforms.transform import Transform, transform
from leyden.spec.errors import DataError


@transform("rotate90")
@dataclass(frozen=True, kw_only=True)
class Rotate90(Transform):
    """A square picture turned by 0, 90, 180 or 270 degrees, each as likely; for pictures without an up.

    Example:
        type: rotate90
    """

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        picture = picture_of(sample, "rotate90")
        if picture.shape[1] != picture.shape[2]:
            raise DataError(
                f"transform `rotate90` needs square pictures, but inputs have shape {picture.shape}"
            )
        return {**sample, "input": np.rot90(picture, int(rng.integers(4)), axes=(1, 2))}
