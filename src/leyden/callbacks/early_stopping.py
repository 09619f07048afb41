"""Ends a run that no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from leyden.callbacks.callback import Callback, Fit, callback


class MissingMetricError(ValueError):
    """A callback follows a metric that was not measured."""


@callback("early_stopping")
class EarlyStopping(Callback):
    """Stops when a metric has not improved for ``patience`` validations; the rule is Lightning's.

    Args:
        monitor: Measured name to follow, e.g. ``val/loss``.
        mode: Whether a low or a high value is good.
        patience: Validations in a row without improvement after which the run stops.
        min_delta: A change must be larger than this to be an improvement.
        check_finite: Stop as soon as the value is NaN or infinite.
        stopping_threshold: Stop as soon as the value is better than this.
        divergence_threshold: Stop as soon as the value is worse than this.

    Example:
        type: early_stopping
        monitor: val/loss
        patience: 5
    """

    def __init__(
        self,
        *,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        patience: Annotated[int, Field(ge=1)] = 3,
        min_delta: Annotated[float, Field(ge=0)] = 0.0,
        check_finite: bool = True,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
    ) -> None:
        self.monitor = monitor
        self.monitors = (monitor,)
        self.sign = 1.0 if mode == "min" else -1.0
        self.patience = patience
        self.min_delta = min_delta
        self.check_finite = check_finite
        self.stopping_threshold = stopping_threshold
        self.divergence_threshold = divergence_threshold
        self.best = self.sign * math.inf
        self.wait = 0  # validations since the best one

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        if self.monitor not in metrics:
            raise MissingMetricError(
                f"early_stopping.monitor must be a measured name, but got {self.monitor}; "
                f"measured are {', '.join(sorted(metrics)) or 'none'}"
            )
        if reason := self._judge(metrics[self.monitor]):
            fit.stop(f"early_stopping: {reason}")

    def _judge(self, value: float) -> str:
        """Why to stop at this value; empty to go on."""
        if self.check_finite and not math.isfinite(value):
            return f"{self.monitor} is {value}"
        if self.stopping_threshold is not None and self._better(value, self.stopping_threshold):
            return f"{self.monitor} {value:.6g} is better than the threshold {self.stopping_threshold:g}"
        if self.divergence_threshold is not None and self._better(self.divergence_threshold, value):
            return f"{self.monitor} {value:.6g} is worse than the threshold {self.divergence_threshold:g}"
        if self._better(value, self.best - self.sign * self.min_delta):
            self.best, self.wait = value, 0
            return ""
        self.wait += 1
        if self.wait < self.patience:
            return ""
        return f"{self.monitor} did not improve in {self.wait} validations; the best was {self.best:.6g}"

    def _better(self, value: float, other: float) -> bool:
        return self.sign * value < self.sign * other

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "wait": self.wait}

    def restore(self, state: Mapping[str, Any], /) -> None:
        self.best, self.wait = float(state["best"]), int(state["wait"])
