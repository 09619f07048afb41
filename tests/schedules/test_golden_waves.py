"""Exponential and sinusoidal loss weights of a sequence-training toolkit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from leyden.schedules.exponential import Exponential
from leyden.schedules.schedule import Horizon
from leyden.schedules.sinusoidal import Sinusoidal
from leyden.spec.durations import Duration
from tests.schedules.sequences import EXACT, golden, sequence


def test_a_decay_rate_is_a_factor_over_the_window() -> None:
    given = golden("lossweight_exp_rate")
    schedule = Exponential(gamma=math.exp(-2), every=Duration(59, "steps"))
    assert sequence(schedule, 1.0, 6, 10) == pytest.approx(given["weights"], **EXACT)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lossweight_sin", {}),
        ("lossweight_sin_log", {"log": True}),
        ("lossweight_sin_decay", {"period_decay": 1.2, "damping": 0.3}),
    ],
)
def test_waves_are_reproduced_exactly(name: str, settings: dict[str, Any]) -> None:
    """There step ``k`` of 60 stands for time ``60 k / 59``; whole steps of a 59th each give the same."""
    given = golden(name)
    period = given["config"]["params"]["period_steps"]
    schedule = Sinusoidal(period=Duration(59 * period, "steps"), min=0.1, **settings)
    horizon = Horizon(steps=59 * 60, steps_per_epoch=590)
    ours = [schedule.value(60 * k, 1.0, horizon) for k in range(60)]
    assert ours == pytest.approx(given["weights"], rel=1e-12, abs=1e-15)


def test_an_epochwise_wave_is_reproduced_exactly() -> None:
    """There 6 epochs are spread over 5 intervals, so a period of 3 epochs lasts 2.5."""
    given = golden("lossweight_sin_epoch")
    schedule = Sinusoidal(period=Duration(25, "steps"), min=0.1)
    horizon = Horizon(steps=60, steps_per_epoch=10)
    ours = [schedule.value(k // 10 * 10, 1.0, horizon) for k in range(60)]
    assert ours == pytest.approx(given["weights"], rel=1e-11)  # theirs has rounded 2 pi c for c up to 2
