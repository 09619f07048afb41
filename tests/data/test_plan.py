"""Borders, epochs and counts of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leyden.data.plan import Plan, Position, arithmetic, share


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    batch = draw(st.integers(1, 9))
    drop_last = draw(st.booleans())
    return Plan(
        samples=draw(st.integers(batch if drop_last else 1, 80)),
        batch_size=batch,
        drop_last=drop_last,
        steps_per_call=draw(st.integers(1, 9)),
        max_steps=draw(st.one_of(st.just(-1), st.integers(1, 90))),
        max_epochs=draw(st.integers(1, 6)),
        validate_every_steps=draw(st.integers(0, 11)),
        validate_every_epochs=draw(st.integers(0, 3)),
        limit_steps=draw(st.one_of(st.just(-1), st.integers(1, 12))),
    )


def windows_of(plan: Plan) -> list[tuple[int, int]]:
    windows: list[tuple[int, int]] = []
    step = 0
    while step < plan.total_steps:
        windows.append((step, plan.border(step)))
        step = plan.border(step)
    return windows


@given(plans())
def test_windows_partition_the_run_and_never_cross_an_epoch(plan: Plan) -> None:
    windows = windows_of(plan)
    assert windows[-1][1] == plan.total_steps
    for first, end in windows:
        assert 1 <= end - first <= plan.steps_per_call
        assert first // plan.steps_per_epoch == (end - 1) // plan.steps_per_epoch


@given(plans())
def test_every_validation_and_the_end_are_borders_for_any_steps_per_call(plan: Plan) -> None:
    borders = {end for _, end in windows_of(plan)}
    due = {step for step in range(1, plan.total_steps + 1) if plan.validation_due(step)}
    assert due <= borders
    assert len(due) == plan.validations
    assert plan.total_steps in borders


@given(plans())
def test_starts_and_counts_agree_with_walking_the_borders(plan: Plan) -> None:
    windows = windows_of(plan)
    for epoch in range(plan.max_epochs + 1):
        mine = [first for first, _ in windows if first // plan.steps_per_epoch == epoch]
        assert list(plan.starts(epoch)) == mine
        assert plan.windows(epoch) == len(mine)
    for step in range(plan.total_steps + 1):
        assert plan.windows_before(step) == sum(end <= step for _, end in windows)


@given(plans())
def test_positions_of_an_epoch_s_steps_are_adjacent_and_cover_it(plan: Plan) -> None:
    reached = 0
    for step in range(plan.steps_per_epoch):
        epoch, first, end = plan.positions(step)
        assert (epoch, first) == (0, reached) and end > first
        reached = end
    if not plan.drop_last and plan.limit_steps == -1:
        assert reached == plan.samples
    assert plan.positions(plan.steps_per_epoch)[:2] == (1, 0)


def test_the_drawing_in_the_module_docstring_is_right() -> None:
    plan = Plan(samples=10, batch_size=1, steps_per_call=4, max_epochs=1, validate_every_steps=3)
    assert list(plan.starts(0)) == [0, 3, 4, 6, 8, 9]


def test_any_step_of_a_run_of_10_to_the_15_steps_is_answered_at_once() -> None:
    plan = Plan(samples=10**15 + 1, batch_size=7, steps_per_call=32, max_epochs=3, validate_every_steps=1000)
    step = 2 * plan.steps_per_epoch - 1
    assert plan.border(step) == 2 * plan.steps_per_epoch
    assert plan.windows(1) > plan.steps_per_epoch // 32
    assert plan.positions(step) == (1, (plan.steps_per_epoch - 1) * 7, 10**15 + 1)


def test_an_epoch_that_still_owes_work_has_not_ended() -> None:
    plan = Plan(samples=10, batch_size=2, max_epochs=3)
    assert plan.epoch(Position(5, "validate")) == 0
    assert plan.epoch(Position(5, "epoch_end")) == 0
    assert plan.epoch(Position(5)) == 1
    assert plan.epoch(Position(3, "validate")) == 0
    assert [plan.epoch_ends(step) for step in (0, 4, 5)] == [False, False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": 0}, "at least one sample"),
        ({"batch_size": 0}, "batch_size must be at least 1, but got 0"),
        ({"max_epochs": -1}, "neither max_steps nor max_epochs"),
        ({"max_epochs": 0}, "max_epochs must be at least 1, or -1"),
        ({"drop_last": True, "samples": 7}, "7 samples are fewer than batch_size 8"),
        ({"steps_per_call": 0}, "steps_per_call must be at least 1"),
        ({"validate_every_steps": -1}, "validate_every_steps must be at least 0"),
    ],
)
def test_a_plan_without_steps_is_refused_with_rule_and_value(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan(**{"samples": 20, "batch_size": 8, "max_epochs": 2, **arguments})


@given(st.integers(0, 1000), st.integers(1, 9))
def test_shares_of_the_ranks_are_adjacent_even_and_complete(count: int, world: int) -> None:
    shares = [share(count, rank, world) for rank in range(world)]
    assert [first for first, _ in shares] == [0, *(end for _, end in shares[:-1])]
    assert shares[-1][1] == count
    assert max(end - first for first, end in shares) - min(end - first for first, end in shares) <= 1


def test_arithmetic_says_how_a_step_is_cut() -> None:
    plan = Plan(samples=1437, batch_size=64, max_epochs=10)
    text = arithmetic(plan, micro=8, devices=2, nodes=2)
    assert "batch size 64 = 8 (micro-batch) x 2 (pieces) x 2 (devices) x 2 (nodes)" in text
    assert "1437 samples: 23 steps an epoch, the last with 29 samples; 230 steps and 10 validations" in text
    assert "batch size 64 = 64 (micro-batch) x 1 (pieces)" in arithmetic(
        plan, micro="auto", devices=1, nodes=1
    )
    assert "as even as they come" in arithmetic(plan, micro=5, devices=1, nodes=1)
    tiny = arithmetic(Plan(samples=17, batch_size=16, max_steps=1), micro="auto", devices=1, nodes=1)
    assert tiny.endswith(
        "17 samples: 2 steps an epoch, the last with 1 sample; 1 step and 0 validations in all."
    )
