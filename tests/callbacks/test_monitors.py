"""Learning rates, throughput, memory."""

from __future__ import annotations

import pytest

from leyden.callbacks import throughput
from leyden.callbacks.device_stats import DeviceStats
from leyden.callbacks.learning_rate_monitor import LearningRateMonitor
from leyden.callbacks.throughput import Throughput
from tests.callbacks.fake import FakeFit


@pytest.mark.parametrize("per_call", [1, 4])
def test_rates_are_logged_when_a_multiple_was_crossed(per_call: int) -> None:
    fit, callback = FakeFit(rates={"lr": 0.1, "lr/1": 0.01}), LearningRateMonitor(every=6)
    callback.on_fit_start(fit)
    for step in range(per_call, 25, per_call):
        fit.step = step
        callback.on_step_end(fit)
    steps = {1: [6, 12, 18, 24], 4: [8, 12, 20, 24]}[per_call]
    assert fit.logged == [(step, {"lr": 0.1, "lr/1": 0.01}) for step in steps]


def test_throughput_is_samples_over_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(now))
    fit, callback = FakeFit(), Throughput()
    callback.on_fit_start(fit)
    for step, samples in ((4, 64), (5, 80)):
        fit.step, fit.samples = step, samples
        callback.on_log(fit, {})
    assert fit.logged == [
        (4, {"throughput/samples_per_s": 32.0, "throughput/steps_per_s": 2.0}),
        (5, {"throughput/samples_per_s": 16.0, "throughput/steps_per_s": 1.0}),
    ]


def test_memory_of_the_process_is_logged_in_mib() -> None:
    fit = FakeFit()
    DeviceStats().on_log(fit, {})
    ((_, values),) = fit.logged
    assert 10 < values["memory/process"] < 100_000
