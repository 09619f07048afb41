"""Weights on a few levels: the codebook, and which connections are snapped to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from .frozen import Frozen, Switch
from .old_names import modern

MAX_BITS = 16


class Quantization(Frozen):
    """Weights snapped to a codebook in every forward; the stored weights stay as they are.

    Args:
        min: Smallest level.
        max: Largest level.
        bits: 2^bits + 1 levels.
        levels: Number of levels, in place of bits.
        connections: Names such as `J_0_to_1`; every trained connection where absent.
        stochastic: Whether weights are rounded up with the probability of how near they are, in training
            mode.
        gradient: `straight_through`: as if nothing had been snapped; `none`: no gradient reaches the weights.
    """

    min: float
    max: float
    bits: Annotated[int, Field(ge=0, le=MAX_BITS)] | None = None
    levels: Annotated[int, Field(ge=1, le=2**MAX_BITS + 1)] | None = None
    connections: list[str] | None = None
    stochastic: Switch = False
    gradient: Literal["straight_through", "none"] = "straight_through"

    @field_validator("connections")
    @classmethod
    def _modern(cls, names: list[str] | None) -> list[str] | None:
        """Older files call the self connection of layer 1 `internal_1`."""
        return names and [modern(name) for name in names]

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.bits is None) == (self.levels is None):
            raise ValueError("exactly one of bits and levels must be given")
        if self.min > self.max:
            raise ValueError(f"min must not be above max, but got {self.min} and {self.max}")
        return self

    def codebook(self) -> np.ndarray[Any, Any]:
        """The levels, ascending, float64."""
        levels = 2**self.bits + 1 if self.levels is None and self.bits is not None else self.levels
        assert levels is not None
        return codebook(self.min, self.max, levels)


def codebook(low: float, high: float, levels: int) -> np.ndarray[Any, Any]:
    """At most ``levels`` values from ``low`` to ``high``, one of them always 0.

    Where 0 lies within the range, half of the others are below it and half above, equally spaced. A range
    without room on
    one side of 0 has that side's levels on the other, so that the number of levels is kept; only a range
    without any width
    has fewer than asked for.
    """
    rest = levels - 1
    if rest <= 0:
        return np.zeros(1)
    if low > 0 or high < 0:
        return np.unique(np.concatenate([np.linspace(low, high, rest), [0.0]]))
    if low == high:
        return np.zeros(1)
    below = 0 if low == 0 else rest if high == 0 else rest // 2
    negative = np.linspace(low, 0.0, below + 1)[:-1]
    positive = np.linspace(0.0, high, rest - below + 1)[1:]
    return np.unique(np.concatenate([negative, [0.0], positive]))
