"""Logs how fast the run is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from leyden.callbacks.callback import Callback, Fit, callback


@callback("throughput")
class Throughput(Callback):
    """Logs ``throughput/samples_per_s`` and ``throughput/steps_per_s``, over all devices, by the clock.

    Time of validations, checkpoints and callbacks counts, because the run pays for it. Measured where the
    training metrics are read, so the device has done all the work that is counted.

    Args:
        window: Seconds that one value covers at least.

    Example:
        type: throughput
    """

    def __init__(self, *, window: Annotated[float, Field(ge=0)] = 0.0) -> None:
        self.window = window

    def on_fit_start(self, fit: Fit, /) -> None:
        self.begin = (time.perf_counter(), fit.step, fit.samples)

    def on_log(self, fit: Fit, values: Mapping[str, float], /) -> None:
        now = (time.perf_counter(), fit.step, fit.samples)
        seconds = now[0] - self.begin[0]
        if seconds <= self.window or now[1] == self.begin[1]:
            return
        fit.log(
            {
                "throughput/samples_per_s": (now[2] - self.begin[2]) / seconds,
                "throughput/steps_per_s": (now[1] - self.begin[1]) / seconds,
            }
        )
        self.begin = now
