"""Cycles whose lengths grow or shrink by a constant factor: which one a step is in, without counting them."""

from __future__ import annotations

import math


def cycle_at(position: int, first: int, growth: float) -> tuple[int, float]:
    """Which cycle (0 is the first) step ``position`` is in, and the part of it that has passed, in [0, 1).

    Cycle ``k`` is ``first * growth**k`` steps long. With ``growth < 1`` the cycles end at ``first / (1 -
    growth)`` steps; from there on the part is 1. Takes the same time for any position.
    """
    if growth == 1:
        number, rest = divmod(position, first)
        return number, rest / first
    passed = position / first  # in lengths of the first cycle
    grown = (growth - 1) * passed
    if grown <= -1:
        return 0, 1.0
    number = int(math.log1p(grown) / math.log(growth))
    # At a border the logarithm can be a rounding error off, and so can the border itself: a step that is as
    # good as on it begins the next cycle, or a restart would come one step late.
    reached = passed * (1 + 1e-12)
    if _border(number + 1, growth) <= reached:
        number += 1
    elif _border(number, growth) > reached:
        number -= 1
    return number, max(0.0, (passed - _border(number, growth)) / growth**number)


def _border(number: int, growth: float) -> float:
    """Where cycle ``number`` begins, in lengths of the first: (growth**number - 1) / (growth - 1)."""
    if abs(growth - 1) > 1e-3:
        return (growth**number - 1) / (growth - 1)  # exact for whole growths
    return math.expm1(number * math.log(growth)) / (growth - 1)
