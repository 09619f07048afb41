"""Pictures mirrored at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.data.transforms._pictures import PictureTransform, drawn
from leyden.data.transforms.transform import transform


@transform("flip")
@dataclass(frozen=True, kw_only=True)
class Flip(PictureTransform):
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

    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        axis = 3 if self.axis == "horizontal" else 2
        mirror = drawn(rngs, self.p)[:, None, None, None]
        return np.where(mirror, np.flip(pictures, axis), pictures)
