"""A window cut out of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.data.sources.source import Sample
from leyden.data.transforms._pictures import picture_of
from leyden.data.transforms.transform import Transform, transform
from leyden.spec.errors import DataError

Pixels = Annotated[int, Field(ge=1)]


@transform("crop")
@dataclass(frozen=True, kw_only=True)
class Crop(Transform):
    """A window of fixed size, at random or in the middle, of a picture that may be padded first.

    Args:
        size: Height and width of the window, or one number for both; null keeps the size before padding.
        padding: Pixels added on every side.
        mode: What is added: zeros, the nearest pixels (`edge`), or the picture mirrored (`reflect`).
        where: A new place for every sample, or the middle.

    Example:
        type: crop
        padding: 2
    """

    size: Pixels | tuple[Pixels, Pixels] | None = None
    padding: Annotated[int, Field(ge=0)] = 0
    mode: Literal["zero", "edge", "reflect"] = "zero"
    where: Literal["random", "center"] = "random"

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        picture = picture_of(sample, "crop")
        height, width = self._window(picture)
        if self.padding:
            around = ((0, 0), (self.padding, self.padding), (self.padding, self.padding))
            picture = np.pad(picture, around, mode="constant" if self.mode == "zero" else self.mode)
        spare = (picture.shape[1] - height, picture.shape[2] - width)
        if min(spare) < 0:
            raise DataError(
                f"transform `crop` needs pictures of at least {height} x {width}, but with padding "
                f"{self.padding} one is {picture.shape[1]} x {picture.shape[2]}"
            )
        top, left = (
            rng.integers(0, spare, endpoint=True)
            if self.where == "random"
            else (spare[0] // 2, spare[1] // 2)
        )
        return {**sample, "input": picture[:, top : top + height, left : left + width]}

    def _window(self, picture: np.ndarray) -> tuple[int, int]:
        if self.size is None:
            return picture.shape[1], picture.shape[2]
        return (self.size, self.size) if isinstance(self.size, int) else self.size
