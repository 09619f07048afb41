"""Tells when a stepwise simulation has come to rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from torch import Tensor

from ..simulation import Simulation


class Rest:
    """Watches how much states change from step to step.

    With a full window the largest change within it must lie below an absolute and a relative tolerance; until
    it is full, and
    without one, several steps in a row must each change less than ``early_stopping_tolerance``.

    Args:
        settings: Tolerances, window and patience.
    """

    def __init__(self, settings: Simulation) -> None:
        self.settings = settings
        self.window: deque[tuple[float, float]] = deque(maxlen=max(1, settings.steady_window_min))
        self.steps = 0
        self.quiet = 0

    def reached(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
        """Whether the simulation may stop after the step between these states."""
        k = self.settings
        change = max(float((b - a).detach().abs().max()) for a, b in zip(before, after, strict=True))
        size = max(float(b.detach().abs().max()) for b in after)
        self.steps += 1
        self.window.append((change, size))
        if self.steps < k.early_stopping_min_steps:
            return False
        if 0 < k.steady_window_min <= len(self.window):
            largest = max(1e-12, *(s for _, s in self.window))
            return max(c for c, _ in self.window) <= k.steady_tol_abs + k.steady_tol_rel * largest
        self.quiet = self.quiet + 1 if change <= k.early_stopping_tolerance else 0
        return self.quiet >= k.early_stopping_patience
