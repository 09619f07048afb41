"""What `check` says about settings that a run of this length cannot honour."""

from __future__ import annotations

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
from leyden.schedules.plateau import Plateau
from leyden.schedules.polynomial import Polynomial
from leyden.schedules.rex import Rex
from leyden.schedules.schedule import Horizon, Schedule
from leyden.schedules.sinusoidal import Sinusoidal
from leyden.schedules.staircase import Staircase
from leyden.schedules.step import Step
from leyden.spec.durations import Duration

HORIZON = Horizon(steps=100, steps_per_epoch=10)


def steps(number: int) -> Duration:
    return Duration(number, "steps")


CLOCK = Duration(3, "min")

WRONG: list[tuple[Schedule, str]] = [
    (Cosine(warmup=steps(100)), "warmup must be shorter than the run, but it takes 100 of 100 steps"),
    (Linear(warmup=Duration(100, "%")), "warmup must be shorter than the run"),
    (Rex(warmup=Duration(11, "epochs")), "it takes 110 of 100 steps"),
    (Polynomial(warmup=CLOCK), "warmup: `3 min` is measured by a clock"),
    (Plateau(warmup=steps(100)), "warmup must be shorter"),
    (Constant(warmup=CLOCK), "warmup: `3 min`"),
    (Linear(over=steps(0)), "over must be 1 step or more, but 0 steps is 0 steps here"),
    (Linear(log=True), "end must be positive where log is true, but it is 0.0"),
    (Linear(log=True, end=0.1, start=-1.0), "start must be positive"),
    (Cosine(restarts=True), "restarts need the length of a cycle"),
    (Cosine(cycle=Duration(0.1, "%"), restarts=True), "cycle must be 1 step or more, but 0.1 % is 0 steps"),
    (Cosine(period_decay=2.0), "period_decay has no effect without restarts"),
    (Cosine(amplitude_decay=0.5, cycle=steps(5)), "amplitude_decay has no effect without restarts"),
    (Step(step_size=steps(0)), "step_size must be 1 step or more"),
    (Exponential(gamma=0.5, every=CLOCK), "every: `3 min`"),
    (MultiStep(milestones=[steps(5), Duration(10, "epochs")]), r"milestones\[1\] must lie inside the run"),
    (OneCycle(pct_start=0.01), "pct_start must leave 2 steps or more for the climb"),
    (OneCycle(pct_start=0.6, three_phase=True), "pct_start must be below 0.5 where three_phase is true"),
    (InverseSqrt(), r"warmup must be 1 step or more.*\(without a timescale, the warm-up sets it\)"),
    (InverseSqrt(timescale=CLOCK), "timescale: `3 min`"),
    (Sinusoidal(period=steps(5), log=True), "min must be positive where log is true"),
    (Sinusoidal(period=steps(10), period_decay=0.5), "shrunk to nothing after 20 of 100 steps"),
    (
        Piecewise(points=[(steps(5), 1.0), (steps(5), 2.0)]),
        r"points\[1\] must come after the point before it",
    ),
    (Piecewise(points=[(steps(0), 1.0), (steps(101), 2.0)]), "must lie inside the run"),
    (
        Piecewise(points=[(steps(0), 0.0)], between="log"),
        r"points\[0\] must be positive where between is log",
    ),
    (Staircase(schedule=Cosine(), every=CLOCK), "every: `3 min`"),
    (Staircase(schedule=Cosine(warmup=steps(200))), r"schedule\.warmup must be shorter"),
    (Staircase(schedule=Plateau()), "schedule must be a function of the step, but Plateau follows val/loss"),
    (Chained(schedules=[Constant(), Rex()], durations=[]), "durations must be one fewer than schedules"),
    (
        Chained(schedules=[Constant(), Rex()], durations=[steps(100)]),
        "must leave some of the run to the last",
    ),
    (
        Chained(schedules=[Constant(), Plateau()], durations=[steps(9)]),
        r"schedules\[1\] must be a function of the step",
    ),
    (
        Chained(schedules=[Cosine(warmup=steps(20)), Rex()], durations=[steps(10)]),
        r"schedules\[0\]\.warmup must be shorter than the run, but it takes 20 of 10 steps",
    ),
]


@pytest.mark.parametrize(("part", "message"), WRONG, ids=lambda value: type(value).__name__)
def test_a_setting_that_cannot_be_honoured_is_told(part: Schedule, message: str) -> None:
    (problem,) = part.check(HORIZON)
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem)


def test_every_problem_is_told_at_once() -> None:
    part = Cosine(warmup=steps(200), cycle=CLOCK, period_decay=2.0)
    assert len(part.check(HORIZON)) == 3


def test_a_whole_chain_may_be_warmup() -> None:
    chain = Chained(schedules=[Constant(warmup=steps(10)), Rex()], durations=[steps(10)])
    assert chain.check(HORIZON) == []
