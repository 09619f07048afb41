"""A window cut out of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.data.transforms._pictures import PictureTransform
from leyden.data.transforms.transform import transform
from leyden.spec.errors import DataError

Pixels = Annotated[int, Field(ge=1)]


@transform("crop")
@dataclass(frozen=True, kw_only=True)
class Crop(PictureTransform):
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

    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        height, width = self._window(pictures)
        if self.padding:
            around = ((0, 0), (0, 0), (self.padding, self.padding), (self.padding, self.padding))
            pictures = np.pad(pictures, around, mode="constant" if self.mode == "zero" else self.mode)
        spare = (pictures.shape[2] - height, pictures.shape[3] - width)
        if min(spare) < 0:
            raise DataError(
                f"transform `crop` needs pictures of at least {height} x {width}, but with padding "
                f"{self.padding} one is {pictures.shape[2]} x {pictures.shape[3]}"
            )
        if self.where == "center":
            top, left = spare[0] // 2, spare[1] // 2
            return pictures[:, :, top : top + height, left : left + width]
        corners = [(rng.integers(spare[0] + 1), rng.integers(spare[1] + 1)) for rng in rngs]
        tops, lefts = np.array(corners, np.int64).reshape(-1, 2).T
        windows = np.lib.stride_tricks.sliding_window_view(pictures, (height, width), axis=(2, 3))
        return windows[np.arange(len(pictures)), :, tops, lefts]  # (batch, channels, height, width)

    def _window(self, pictures: np.ndarray) -> tuple[int, int]:
        if self.size is None:
            return pictures.shape[2], pictures.shape[3]
        return (self.size, self.size) if isinstance(self.size, int) else self.size
