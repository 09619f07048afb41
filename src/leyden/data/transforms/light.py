"""Pictures made lighter or darker, and their contrasts stronger or weaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.transforms._pictures import PictureTransform
from leyden.data.transforms.transform import transform

Share = Annotated[float, Field(ge=0, lt=1)]


@transform("light")
@dataclass(frozen=True, kw_only=True)
class Light(PictureTransform):
    """Brightness and contrast changed by random factors; values from 0 to 1 stay in that range.

    The picture is multiplied by a factor from 1 - brightness to 1 + brightness; then its distance from its
    own mean is multiplied by one from 1 - contrast to 1 + contrast.

    Args:
        brightness: Largest change of brightness.
        contrast: Largest change of contrast.

    Example:
        type: light
        brightness: 0.2
        contrast: 0.2
    """

    brightness: Share = 0.2
    contrast: Share = 0.2

    def changed(self, pictures: np.ndarray, rngs: Sequence[np.random.Generator], /) -> np.ndarray:
        draws = np.array([rng.uniform(-1, 1, size=2) for rng in rngs]).reshape(-1, 2)
        factors = (1 + draws * (self.brightness, self.contrast)).astype(np.float32)
        gain, slope = factors.T[:, :, None, None, None]
        lit = pictures * gain
        mean = lit.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        return np.clip((lit - mean) * slope + mean, 0, 1).astype(pictures.dtype, copy=False)
