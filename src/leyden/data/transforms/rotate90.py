"""Pictures turned by quarters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leyden.data.transforms._pictures import PictureTransform
from leyden.data.transforms.transform import transform
from leyden.spec.errors import DataError


@transform("rotate90")
@dataclass(frozen=True, kw_only=True)
class Rotate90(PictureTransform):
    """A square picture turned by 0, 90, 180 or 270 degrees, each as likely; for pictures without an up.

    Example:
        type: rotate90
    """

    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        if pictures.shape[2] != pictures.shape[3]:
            rule = "transform `rotate90` needs square pictures"
            raise DataError(f"{rule}, but inputs have shape {pictures.shape[1:]}")
        turns = np.array([rng.integers(4) for rng in rngs], np.int64)
        turned = pictures.copy()
        for quarters in (1, 2, 3):
            chosen = turns == quarters
            turned[chosen] = np.rot90(pictures[chosen], quarters, axes=(2, 3))
        return turned
