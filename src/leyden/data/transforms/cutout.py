"""A square of a picture blanked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.transforms._pictures import PictureTransform, drawn
from leyden.data.transforms.transform import transform


@transform("cutout")
@dataclass(frozen=True, kw_only=True)
class Cutout(PictureTransform):
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

    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        cut = pictures.copy()
        for picture, chosen, rng in zip(cut, drawn(rngs, self.p), rngs, strict=True):
            if chosen:
                top, left = rng.integers(0, pictures.shape[2:]) - self.size // 2
                picture[:, max(0, top) : top + self.size, max(0, left) : left + self.size] = self.fill
        return cut
