"""The warm-up that most schedules begin with."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["linear", "cosine"]


def warmed(step: int, length: int, start: float | None, peak: float, shape: Shape = "linear") -> float:
    """The value in step ``step`` of a warm-up of ``length`` steps; step ``length`` is the first at ``peak``.

    Without ``start`` the ramp is ``peak * (step + 1) / (length + 1)``: the first step already learns, and
    none is spent at zero. With ``start`` the first step has exactly that value: ``start + (peak - start) *
    step / length``. A cosine ramp replaces the fraction ``f`` by ``(1 - cos(pi f)) / 2``.
    """
    low, done = (0.0, (step + 1) / (length + 1)) if start is None else (start, step / length)
    if shape == "cosine":
        done = (1 - math.cos(math.pi * done)) / 2
    return low + (peak - low) * done
