"""What the transforms of pictures ask of a sample."""

from __future__ import annotations

import numpy as np

from leyden.data.sources.source import Sample
from leyden.spec.errors import DataError


def picture_of(sample: Sample, name: str) -> np.ndarray:
    """The input of a sample, which has to be (channels, height, width).

    Raises:
        DataError: It has another number of axes.
    """
    array = sample["input"]
    if array.ndim != 3:
        rule = f"transform `{name}` needs pictures (channels, height, width)"
        raise DataError(f"{rule}, but inputs have shape {array.shape}")
    return array
