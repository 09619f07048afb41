"""Values that follow from the formulas by hand."""

from __future__ import annotations

import math

import pytest

from leyden.schedules.chained import Chained
from leyden.schedules.constant import Constant
from leyden.schedules.cosine import Cosine
from leyden.schedules.exponential import Exponential
from leyden.schedules.inverse_sqrt import InverseSqrt
from leyden.schedules.linear import Linear
from leyden.schedules.multi_step import MultiStep
from leyden.schedules.one_cycle import OneCycle
from leyden.schedules.piecewise import Piecewise
from leyden.schedules.polynomial import Polynomial
from leyden.schedules.schedule import Horizon, Schedule
from leyden.schedules.sinusoidal import Sinusoidal
from leyden.schedules.staircase import Staircase
from leyden.schedules.step import Step
from leyden.spec.durations import Duration


def steps(number: int) -> Duration:
    return Duration(number, "steps")


def at(schedule: Schedule, total: int, per_epoch: int = 1, base: float = 1.0) -> dict[int, float]:
    horizon = Horizon(steps=total, steps_per_epoch=per_epoch)
    return {step: schedule.value(step, base, horizon) for step in range(total + 1)}


@pytest.mark.parametrize(
    ("schedule", "total", "expected"),
    [
        (Cosine(), 10, {0: 1.0, 5: 0.5, 10: 0.0}),
        (Cosine(warmup=steps(4)), 14, {0: 0.2, 3: 0.8, 4: 1.0, 9: 0.5, 14: 0.0}),
        (Linear(warmup=steps(4)), 14, {0: 0.2, 3: 0.8, 4: 1.0, 9: 0.5, 14: 0.0}),
        (Constant(warmup=steps(4)), 14, {0: 0.2, 3: 0.8, 4: 1.0, 9: 1.0, 14: 1.0}),
        (Cosine(min=0.1), 10, {0: 1.0, 5: 0.55, 10: 0.1}),
        (OneCycle(), 100, {0: 0.04, 29: 1.0, 99: 4e-6, 100: 4e-6}),
        (Step(step_size=Duration(30, "epochs")), 61, {29: 1.0, 30: 0.1, 60: 0.01}),
        (Step(step_size=steps(1), gamma=0.1, min=0.005), 9, {2: 0.01, 3: 0.005, 9: 0.005}),
        (
            MultiStep(milestones=[steps(2), Duration(50, "%")], gamma=0.5),
            10,
            {1: 1.0, 2: 0.5, 4: 0.5, 5: 0.25},
        ),
        (Exponential(gamma=0.25, every=steps(2)), 8, {0: 1.0, 1: 0.5, 2: 0.25, 4: 0.0625}),
        (Polynomial(power=2.0, end=0.2), 4, {0: 1.0, 2: 0.4, 4: 0.2}),
        (InverseSqrt(warmup=steps(4)), 100, {3: 0.8, 4: 1.0, 16: 0.5, 100: 0.2}),
        (InverseSqrt(timescale=steps(3), min=0.4), 100, {0: 1.0, 9: 0.5, 100: 0.4}),
        (Sinusoidal(period=steps(4), min=-1.0), 8, {0: 1.0, 1: 0.0, 2: -1.0, 3: 0.0, 4: 1.0, 8: 1.0}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Schedule) else "",
)
def test_value_is_that_of_the_formula(schedule: Schedule, total: int, expected: dict[int, float]) -> None:
    values = at(schedule, total)
    assert {step: values[step] for step in expected} == pytest.approx(expected, abs=1e-15)


def test_warmup_from_a_given_value_begins_with_that_value() -> None:
    values = at(Linear(warmup=steps(4), warmup_start=0.0), 8)
    assert [values[step] for step in range(5)] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_warmup_ending_one_step_early_is_a_warmup_one_step_shorter() -> None:
    """``start + (t + 1) / W (peak - start)``, which reaches the peak in step W - 1."""
    start, length = 0.01, 5
    ours = at(Constant(warmup=steps(length - 1), warmup_start=start + (1 - start) / length), 8)
    theirs = [min(1.0, start + (step + 1) / length * (1 - start)) for step in range(8)]
    assert [ours[step] for step in range(8)] == pytest.approx(theirs, rel=1e-12)


def test_restarts_get_longer_and_lower() -> None:
    schedule = Cosine(
        cycle=steps(4), restarts=True, period_decay=2.0, restart_decay=0.5, amplitude_decay=0.5, min=0.1
    )
    values = at(schedule, 60)
    assert values[0] == 1.0
    assert values[4] == pytest.approx(0.1 + (0.5 - 0.1) * 0.5)  # cycles begin at 0, 4, 12, 28
    assert values[12] == pytest.approx(0.1 + (0.25 - 0.1) * 0.25)
    assert values[11] < values[12] and values[28] > values[27]
    assert values[8] == pytest.approx((values[4] + 0.1) / 2)


def test_restarts_that_shrink_to_nothing_end_at_the_floor() -> None:
    values = at(Cosine(cycle=steps(8), restarts=True, period_decay=0.5, min=0.1), 40)
    assert values[8] == values[12] == values[14] == 1.0  # 8 + 4 + 2 + 1
    assert all(values[step] == 0.1 for step in range(16, 41))


def test_soft_cycle_comes_back_to_the_peak() -> None:
    values = at(Cosine(cycle=steps(8), soft_restart=True), 20)
    assert (values[0], values[8], values[20]) == (1.0, 1.0, 1.0)
    assert values[4] == pytest.approx(0.0, abs=1e-15)


def test_piecewise_joins_its_points() -> None:
    points = [(steps(2), 1.0), (Duration(50, "%"), 3.0), (Duration(1, "epochs"), 0.03)]
    linear = at(Piecewise(points=points), 20, per_epoch=14)
    assert (linear[0], linear[2], linear[6], linear[10], linear[20]) == (1.0, 1.0, 2.0, 3.0, 0.03)
    constant = at(Piecewise(points=points, between="constant"), 20, per_epoch=14)
    assert (constant[0], constant[9], constant[10], constant[13], constant[14]) == (1.0, 1.0, 3.0, 3.0, 0.03)
    log = at(Piecewise(points=points, between="log"), 20, per_epoch=14)
    assert log[12] == pytest.approx(math.sqrt(3.0 * 0.03))


def test_each_part_of_a_chain_has_its_own_clock() -> None:
    chain = Chained(
        schedules=[Constant(warmup=steps(3)), Cosine(min=0.5), Step(step_size=Duration(1, "epochs"))],
        durations=[Duration(20, "%"), Duration(2, "epochs")],
    )
    values = at(chain, 20, per_epoch=4)
    assert values[0] == 0.25 and values[3] == 1.0
    assert values[4] == 1.0 and values[8] == pytest.approx(0.75)  # the cosine is 8 steps long
    assert values[12] == 1.0 and values[16] == pytest.approx(0.1)


def test_a_staircase_holds_the_first_value_of_each_tread() -> None:
    inner = Linear()
    values = at(Staircase(schedule=inner, every=Duration(1, "epochs")), 12, per_epoch=4)
    smooth = at(inner, 12)
    assert [values[step] for step in range(12)] == [smooth[step // 4 * 4] for step in range(12)]
