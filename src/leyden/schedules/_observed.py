"""What the measured schedules share: reading the metric they follow, and keeping to their floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal


def monitored(name: str, metrics: Mapping[str, float], who: str) -> float:
    """The value of metric ``name``.

    A missing one is an error: a schedule that never moves looks like one that works.
    """
    if name not in metrics:
        raise ValueError(
            f"schedule {who} follows the metric {name}, which this validation did not measure; "
            f"it measured: {', '.join(sorted(metrics)) or 'nothing'}"
        )
    return float(metrics[name])


def improved(now: float, best: float, threshold: float, mode: Literal["rel", "abs"]) -> bool:
    """Whether ``now`` is below ``best`` by ``threshold`` (part of the best, or difference); NaN never is."""
    if mode == "abs" or math.isinf(best):
        return now < best - threshold
    return now < best - threshold * abs(best)


def lowered(scale: float, factor: float, floor: float, base: float) -> float:
    """``scale * factor``, not so low that ``base`` times it is below ``floor``, and never above ``scale``."""
    return min(scale, max(scale * factor, floor / base if base else 0.0))
