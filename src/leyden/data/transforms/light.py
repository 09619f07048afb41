"""Pictures made lighter or darker, and their contrasts stronger or weaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.sources.source import Sample
from leyden.data.transforms._pictures import picture_of
from leyden.data.transforms.transform import Transform, transform

Share = Annotated[float, Field(ge=0, lt=1)]


@transform("light")
@dataclass(frozen=True, kw_only=True)
class Light(Transform):
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

    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        picture = picture_of(sample, "light")
        gain, slope = 1 + rng.uniform(-1, 1, size=2) * (self.brightness, self.contrast)
        lit = picture * np.float32(gain)
        mean = lit.mean(dtype=np.float64)
        changed = np.clip((lit - np.float32(mean)) * np.float32(slope) + np.float32(mean), 0, 1)
        return {**sample, "input": changed.astype(picture.dtype, copy=False)}
