"""The state of schedules that follow a metric: explicit, plain, and all there is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leyden.schedules.adaptive import Adaptive
from leyden.schedules.greedy import Greedy
from leyden.schedules.plateau import Plateau
from leyden.schedules.schedule import Horizon, MeasuredSchedule
from leyden.spec.durations import Duration

HORIZON = Horizon(steps=100, steps_per_epoch=10)

EVERY: dict[str, Callable[..., MeasuredSchedule]] = {
    "plateau": lambda **more: Plateau(patience=1, factor=0.5, cooldown=2, **more),
    "greedy": lambda **more: Greedy(patience=2, **more),
    "adaptive": lambda **more: Adaptive(patience_increase=1, patience_decrease=2, cooldown=1, **more),
}

measured = st.lists(st.one_of(st.floats(0.01, 2), st.just(math.nan)), min_size=1, max_size=30)


@pytest.mark.parametrize("name", EVERY)
@given(losses=measured, cut=st.integers(0, 30))
def test_a_restored_schedule_goes_on_as_the_first_would(name: str, losses: list[float], cut: int) -> None:
    one, two = EVERY[name](min=0.01), EVERY[name](min=0.01)
    for step, loss in enumerate(losses, start=1):
        one.observe(step, {"val/loss": loss}, 0.5, HORIZON)
        two.observe(step, {"val/loss": loss}, 0.5, HORIZON)
        if step == cut:
            state = json.loads(json.dumps(two.state()))
            two = EVERY[name](min=0.01)
            two.restore(state)
        assert one.value(step, 0.5, HORIZON) == two.value(step, 0.5, HORIZON)
    assert one.state() == two.state()


@pytest.mark.parametrize("name", EVERY)
@given(losses=measured)
def test_values_stay_between_floor_and_base(name: str, losses: list[float]) -> None:
    part = EVERY[name](min=0.1)
    for step, loss in enumerate(losses, start=1):
        part.observe(step, {"val/loss": loss}, 0.5, HORIZON)
        assert 0.1 <= part.value(step, 0.5, HORIZON) <= 0.5


@pytest.mark.parametrize("name", EVERY)
@given(losses=st.lists(st.floats(0.01, 2), min_size=1, max_size=30))
def test_a_gain_is_a_loss_with_its_sign_turned(name: str, losses: list[float]) -> None:
    low, high = EVERY[name](), EVERY[name](mode="max")
    for step, loss in enumerate(losses, start=1):
        low.observe(step, {"val/loss": loss}, 0.5, HORIZON)
        high.observe(step, {"val/loss": -loss}, 0.5, HORIZON)
    assert low.state() == high.state()


@pytest.mark.parametrize("name", EVERY)
def test_nan_is_no_improvement(name: str) -> None:
    part = EVERY[name]()
    for step in range(1, 9):
        part.observe(step, {"val/loss": math.nan}, 0.5, HORIZON)
    assert part.value(9, 0.5, HORIZON) < 0.5
    assert part.state()["best"] == math.inf


@pytest.mark.parametrize("name", EVERY)
def test_validations_during_the_warmup_do_not_count(name: str) -> None:
    part = EVERY[name](warmup=Duration(2, "epochs"), warmup_start=0.0)
    before = part.state()
    for step in (5, 10, 20):
        part.observe(step, {"val/loss": float(step)}, 0.5, HORIZON)
    assert part.state() == before
    assert [part.value(step, 0.5, HORIZON) for step in (0, 10, 20)] == [0.0, 0.25, 0.5]


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_metric_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"schedule {name} follows the metric val/f2.*it measured: a, val/loss"
    ):
        EVERY[name](monitor="val/f2").observe(1, {"val/loss": 1.0, "a": 2.0}, 0.5, HORIZON)


@pytest.mark.parametrize("name", EVERY)
def test_a_changed_base_scales_what_was_learnt(name: str) -> None:
    """The state is a factor, so a run that is gone on with at another learning rate keeps its drops."""
    part = EVERY[name]()
    for step in range(1, 9):
        part.observe(step, {"val/loss": 1.0}, 0.5, HORIZON)
    assert part.value(9, 1.0, HORIZON) == 2 * part.value(9, 0.5, HORIZON) < 1.0
