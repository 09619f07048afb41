"""Measured schedules of a sequence-training toolkit, driven by the validation losses of its golden files."""

from __future__ import annotations

from typing import Any

import pytest

from leyden.schedules.adaptive import Adaptive
from leyden.schedules.greedy import Greedy
from leyden.schedules.schedule import Horizon, MeasuredSchedule
from leyden.spec.durations import Duration
from tests.schedules.sequences import EXACT, golden

WARM = {"warmup": Duration(2, "epochs"), "warmup_start": 1e-4}


def driven(schedule: MeasuredSchedule, given: dict[str, Any], base: float = 0.01) -> list[float]:
    per_epoch = given["batches_per_epoch"]
    horizon = Horizon(steps=given["max_epochs"] * per_epoch, steps_per_epoch=per_epoch)
    rates: list[float] = []
    for epoch, loss in enumerate(given["val"]):
        rates += [schedule.value(epoch * per_epoch + k, base, horizon) for k in range(per_epoch)]
        schedule.observe((epoch + 1) * per_epoch, {"val/loss": loss, "val/accuracy": 0.5}, base, horizon)
    return rates


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("greedy", Greedy(patience=3)),
        ("greedy_warmup", Greedy(patience=2, **WARM)),
        ("adaptive", Adaptive(patience_increase=2, patience_decrease=2, decrease=0.5)),
        ("adaptive_warm", Adaptive(patience_increase=1, patience_decrease=2, cooldown=1, **WARM)),
    ],
)
def test_sequence_is_reproduced_exactly(name: str, schedule: MeasuredSchedule) -> None:
    given = golden(name)
    assert driven(schedule, given) == pytest.approx(given["lr"], **EXACT)


def test_a_warmup_that_is_switched_off_is_off() -> None:
    """There ``enabled: false`` changes nothing. Here no warm-up is one of zero steps: no flag to overlook."""
    given = golden("greedy_warmup_disabled_flag")
    assert given["lr"][0] == 1e-4
    assert driven(Greedy(patience=2), given)[0] == 0.01


def test_a_metric_of_another_name_is_an_error_and_not_a_schedule_that_never_moves() -> None:
    """There the default metric is one that no run logs, and the rate stays for ever."""
    given = golden("greedy_no_val_loss_key")
    assert set(given["lr"]) == {0.01}
    with pytest.raises(
        ValueError, match="val_loss, which this validation did not measure; it measured: val/accuracy"
    ):
        driven(Greedy(monitor="val_loss"), given)
    rates = driven(Greedy(patience=1), given)
    assert rates[::5] == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.01, 0.009])  # the loss rises in epoch 5


def test_changing_inside_an_epoch_is_a_matter_of_validating_inside_an_epoch() -> None:
    """There ``intra_epoch`` fails with a TypeError at its first change; here any validation may change it."""
    assert golden("greedy_intra_crash")["error"].startswith("TypeError")
    horizon = Horizon(steps=15, steps_per_epoch=5)
    schedule = Greedy(monitor="train/loss", patience=1)
    for step, loss in ((3, 1.0), (6, 1.1)):
        schedule.observe(step, {"train/loss": loss}, 0.01, horizon)
    assert schedule.value(6, 0.01, horizon) == pytest.approx(0.009)
