"""Pictures mirrored at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.data.sources.source import Sample
from leyden.data.transforms._pictures import picture_of
from leyden.data.transforms.transform import Transform, transform


@transform("flip")
@dataclass(frozen=True, kw_only=True)
class Flip(Transform):
    """A picture mirrored left to right, or top to bottom, with some probability.

    Args:
        axis: Left and right change places (`horizontal`), or top and bottom (`vertical`).
        p: Probability of mirroring a sample.

    Example:
        type: flip
        p: 0.5
    """

    axis: Literal["horizontal", "vertical"] = "horizontal"
    p: Annotated[float, Field(ge=0, le=1)] = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        picture = picture_of(sample, "flip")
        if rng.random() >= self.p:
            return sample
        return {**sample, "input": picture[:, :, ::-1] if self.axis == "horizontal" else picture[:, ::-1]}
