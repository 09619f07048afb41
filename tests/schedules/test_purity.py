"""A schedule is a function of the step: no history, no order, no cost that grows with the step."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leyden.schedules._cycles import cycle_at
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
from leyden.schedules.rex import Rex
from leyden.schedules.schedule import Horizon, Schedule, schedule
from leyden.schedules.sinusoidal import Sinusoidal
from leyden.schedules.staircase import Staircase
from leyden.schedules.step import Step
from leyden.spec.durations import Duration

HORIZON = Horizon(steps=120, steps_per_epoch=12)
MEASURED = {"plateau", "greedy", "adaptive"}


def epochs(number: float) -> Duration:
    return Duration(number, "epochs")


EVERY: dict[str, Callable[[], Schedule]] = {
    "constant": lambda: Constant(warmup=epochs(1)),
    "linear": lambda: Linear(end=0.1, warmup=epochs(1), log=True),
    "cosine": lambda: Cosine(
        cycle=epochs(1), restarts=True, period_decay=1.5, amplitude_decay=0.9, soft_restart=True
    ),
    "step": lambda: Step(step_size=epochs(3)),
    "multi_step": lambda: MultiStep(milestones=[epochs(2), epochs(5)]),
    "exponential": lambda: Exponential(gamma=0.9, warmup=epochs(1), warmup_shape="cosine"),
    "polynomial": lambda: Polynomial(power=2.0, warmup=epochs(1)),
    "one_cycle": lambda: OneCycle(three_phase=True),
    "rex": lambda: Rex(warmup=epochs(1)),
    "inverse_sqrt": lambda: InverseSqrt(warmup=epochs(1)),
    "piecewise": lambda: Piecewise(points=[(epochs(1), 1.0), (epochs(4), 0.1)], between="log"),
    "sinusoidal": lambda: Sinusoidal(period=epochs(2), min=0.1, damping=0.2, period_decay=1.1),
    "staircase": lambda: Staircase(schedule=Cosine()),
    "chained": lambda: Chained(schedules=[Constant(warmup=epochs(1)), Rex()], durations=[epochs(2)]),
}


def test_every_schedule_is_tried_here() -> None:
    assert set(schedule.names()) == EVERY.keys() | MEASURED


@pytest.mark.parametrize("name", EVERY)
def test_values_do_not_depend_on_the_order_of_asking(name: str) -> None:
    part = EVERY[name]()
    assert part.check(HORIZON) == []
    in_order = [part.value(step, 0.5, HORIZON) for step in range(HORIZON.steps + 1)]
    shuffled = random.Random(name).sample(range(HORIZON.steps + 1), HORIZON.steps + 1)
    fresh = EVERY[name]()
    assert {step: fresh.value(step, 0.5, HORIZON) for step in shuffled} == dict(enumerate(in_order))
    assert part == copy.deepcopy(part)  # nothing was remembered
    assert all(math.isfinite(value) and value >= 0 for value in in_order)


@pytest.mark.parametrize("name", EVERY)
def test_any_step_has_a_value_also_after_the_end(name: str) -> None:
    part = EVERY[name]()
    for step in (HORIZON.steps, 10**6, 10**12):
        assert math.isfinite(part.value(step, 0.5, HORIZON))


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"piecewise", "linear", "sinusoidal"}))
@given(step=st.integers(0, 200), base=st.floats(1e-3, 10))
def test_without_absolute_settings_values_are_in_proportion_to_the_base(
    name: str, step: int, base: float
) -> None:
    part = EVERY[name]()
    assert part.value(step, base, HORIZON) == pytest.approx(base * part.value(step, 1.0, HORIZON), rel=1e-9)


@given(
    position=st.integers(0, 10**7),
    first=st.integers(1, 1000),
    growth=st.floats(0.5, 3).filter(lambda g: abs(g - 1) > 1e-4),
)
def test_cycles_are_found_without_counting_them(position: int, first: int, growth: float) -> None:
    if growth < 1 and position >= 0.999 * first / (1 - growth):
        return
    number, done = cycle_at(position, first, growth)
    assert 0 <= done < 1
    start = first * math.fsum(growth**k for k in range(number))
    assert start + done * first * growth**number == pytest.approx(position, rel=1e-6, abs=1e-6)


@given(position=st.integers(0, 10**9), first=st.integers(1, 10**4))
def test_equal_cycles_are_exact(position: int, first: int) -> None:
    number, done = cycle_at(position, first, 1.0)
    assert (number, done) == (position // first, position % first / first)


@given(number=st.integers(0, 20), growth=st.sampled_from([0.5, 1.1, 1.2, 1.5, 2.0, 3.0]))
def test_a_border_belongs_to_the_cycle_that_begins(number: int, growth: float) -> None:
    first = 10**6
    border = first * math.fsum(growth**k for k in range(number))
    assume(abs(border - round(border)) < 1e-6)
    found, done = cycle_at(round(border), first, growth)
    assert (found, done) == (number, pytest.approx(0, abs=1e-6))
