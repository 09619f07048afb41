from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leyden.runs.entry import Entry
from leyden.runs.retention import Retention


def entries(*values: float, finite: tuple[bool, ...] = ()) -> list[Entry]:
    return [
        Entry(
            step=step,
            file=f"step={step}.ckpt",
            sha256="",
            bytes=0,
            metrics={"val/loss": value},
            finite=finite[step] if finite else True,
        )
        for step, value in enumerate(values)
    ]


def kept(retention: Retention, given: list[Entry]) -> dict[int, tuple[str, ...]]:
    found = retention.reasons(given)
    return {entry.step: found[entry.file] for entry in given if entry.file in found}


LOSS: dict[str, Any] = {"monitor": "val/loss"}


def test_the_best_and_the_last_are_kept() -> None:
    rule = Retention(**LOSS, save_top_k=2)
    assert kept(rule, entries(0.5, 0.1, 0.3, 0.4)) == {1: ("best 1",), 2: ("best 2",), 3: ("last",)}
    assert kept(rule, entries(0.5, 0.1, 0.3)) == {1: ("best 1",), 2: ("best 2", "last")}


def test_larger_is_better_where_the_mode_says_so() -> None:
    assert kept(Retention(**LOSS, mode="max"), entries(0.5, 0.9, 0.3)) == {1: ("best 1",), 2: ("last",)}


def test_of_equals_the_earlier_is_kept() -> None:
    for mode in ("min", "max"):
        assert 0 in kept(Retention(**LOSS, mode=mode), entries(0.5, 0.5, 0.5))


def test_nan_and_missing_values_are_never_best() -> None:
    given = [*entries(math.nan, 0.7), Entry(step=2, file="step=2.ckpt", sha256="", bytes=0)]
    for mode in ("min", "max"):
        assert kept(Retention(**LOSS, mode=mode, save_top_k=3), given) == {1: ("best 1",), 2: ("last",)}


def test_without_a_monitor_the_newest_are_kept() -> None:
    assert list(kept(Retention(save_top_k=2), entries(1, 2, 3, 4))) == [2, 3]


def test_everything_is_kept_with_minus_one() -> None:
    assert list(kept(Retention(**LOSS, save_top_k=-1), entries(0.5, math.nan, 0.3))) == [0, 1, 2]


def test_one_to_go_on_from_is_kept_whatever_the_settings() -> None:
    rule = Retention(**LOSS, save_top_k=0, save_last=False)
    assert kept(rule, entries(0.5)) == {0: ("to go on from",)}


def test_the_one_before_the_newest_is_kept_in_case_that_is_damaged() -> None:
    rule = Retention(**LOSS, save_top_k=0)
    assert kept(rule, entries(0.5, 0.1, 0.2)) == {1: ("spare",), 2: ("last",)}
    assert kept(Retention(**LOSS), entries(0.5, 0.1, 0.2)) == {1: ("best 1",), 2: ("last",)}


def test_the_last_finite_one_is_kept_when_newer_ones_are_not() -> None:
    given = entries(0.5, 0.4, math.nan, math.nan, finite=(True, True, False, False))
    assert kept(Retention(save_top_k=0), given) == {1: ("last finite",), 2: ("spare",), 3: ("last",)}


@given(
    st.lists(st.tuples(st.floats(), st.booleans()), min_size=1, max_size=30),
    st.integers(-1, 5),
    st.sampled_from(["min", "max"]),
    st.booleans(),
)
def test_pruning_one_at_a_time_keeps_what_pruning_at_the_end_would(
    points: list[tuple[float, bool]], top: int, mode: Any, last: bool
) -> None:
    rule = Retention(**LOSS, mode=mode, save_top_k=top, save_last=last)
    every = entries(*(value for value, _ in points), finite=tuple(finite for _, finite in points))
    left: list[Entry] = []
    for entry in every:
        left.append(entry)
        reasons = rule.reasons(left)
        left = [one for one in left if one.file in reasons]
    assert {one.file for one in left} == set(rule.reasons(every))
    assert left[-1] is every[-1]
    if any(one.finite for one in every):
        assert any(one.finite for one in left)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.1])
def test_an_entry_survives_json(value: float) -> None:
    (entry,) = entries(value)
    again = Entry.from_tree(entry.tree())
    assert repr(again) == repr(entry)
