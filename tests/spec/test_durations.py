"""Durations carry their unit."""

from __future__ import annotations

import pytest

from leyden.spec import Duration


@pytest.mark.parametrize(
    ("text", "value", "unit", "again"),
    [
        ("500 steps", 500, "steps", "500 steps"),
        ("1 epoch", 1, "epochs", "1 epoch"),
        ("0.5 epochs", 0.5, "epochs", "0.5 epochs"),
        ("5 %", 5, "%", "5 %"),
        ("5%", 5, "%", "5 %"),
        ("30 min", 30, "min", "30 min"),
        ("2h", 2, "h", "2 h"),
        ("1e3 steps", 1000, "steps", "1000 steps"),
        ("1 step", 1, "steps", "1 step"),
        ("12.345678901 epochs", 12.345678901, "epochs", "12.345678901 epochs"),
        ("1234567 steps", 1234567, "steps", "1234567 steps"),
    ],
)
def test_texts_are_parsed_and_written_again(text: str, value: float, unit: str, again: str):
    duration = Duration.parse(text)
    assert (duration.value, duration.unit) == (value, unit)
    assert str(duration) == again
    assert Duration.parse(again) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "steps", "-5 steps", "5 stepps", "five epochs", "1.5 steps", "5 steps 3"]
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(ValueError, match=r"a duration needs|must be whole"):
        Duration.parse(text)


def test_steps_count_epochs_and_shares():
    assert Duration(500, "steps").steps(1000, 10) == 500
    assert Duration(2, "epochs").steps(1000, 10) == 20
    assert Duration(0.25, "epochs").steps(1000, 10) == 2
    assert Duration(5, "%").steps(1000, 10) == 50


def test_clocks_and_steps_do_not_mix():
    assert Duration(2, "h").seconds() == 7200
    with pytest.raises(ValueError, match="measured by a clock"):
        Duration(2, "h").steps(1000, 10)
    with pytest.raises(ValueError, match="counted in steps"):
        Duration(2, "epochs").seconds()


def test_a_bare_number_is_told_what_to_write(refused):
    [problem] = refused(overrides=["checkpoint.every=5"]).problems
    assert problem.key == "checkpoint.every"
    assert problem.hint == "write `5 steps` or `5 epochs`"
    assert problem.place.file == "command line"


def test_times_are_wanted_where_a_clock_counts(refused, loaded):
    assert loaded(overrides=["trainer.max_time=2 h"]).trainer.max_time == Duration(2, "h")
    [problem] = refused(overrides=["trainer.max_time=2 epochs"]).problems
    assert "a time is wanted" in problem.rule
