"""Logs the learning rate of every parameter group."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from leyden.callbacks.callback import Callback, Fit, callback


@callback("learning_rate_monitor")
class LearningRateMonitor(Callback):
    """Logs ``lr``, and ``lr/1`` ... for further groups, more often than the training metrics.

    Args:
        every: Optimizer steps between two records.

    Example:
        type: learning_rate_monitor
        every: 10
    """

    def __init__(self, *, every: Annotated[int, Field(ge=1)] = 10) -> None:
        self.every = every
        self.last = 0

    def on_fit_start(self, fit: Fit, /) -> None:
        self.last = fit.step // self.every

    def on_step_end(self, fit: Fit, /) -> None:
        if fit.step // self.every > self.last:
            self.last = fit.step // self.every
            fit.log(fit.rates)
