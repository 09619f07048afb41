"""A goal that is not met, and a benchmark that ends in an error, are written down as such."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import interleave, run_all


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, for a folder with one benchmark that works and one that does not."""
    line = {"benchmark": "slow", "goals": [{"what": "x", "value": 3.0, "goal": "<= 2", "holds": False}]}
    (tmp_path / "slow.py").write_text(f"print('a table')\nprint({json.dumps(line)!r})\n")
    (tmp_path / "broken.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "interleave.py").write_text("")
    monkeypatch.setattr(run_all, "HERE", tmp_path)
    return run_all


def test_results_say_what_is_not_met_and_what_failed(program: ModuleType, tmp_path: Path):
    assert program.main([]) == 1
    written = (tmp_path / "RESULTS.md").read_text()
    assert "| slow | x | 3 | <= 2 | **not met** |" in written
    assert "| broken | | | | **ended with exit code 3** |" in written
    assert "a table" in written
    assert "CPU: " in written


def test_an_unknown_benchmark_is_answered_with_the_known_ones(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
):
    assert program.main(["fast"]) == 2
    assert "There are broken, slow." in capsys.readouterr().err


@pytest.mark.parametrize(("value", "holds"), [(1.0, True), (2.0, True), (2.1, False), (0.9, False)])
def test_a_goal_holds_within_its_bounds(value: float, holds: bool):
    goal = interleave.Goal(what="x", value=value, at_least=1.0, at_most=2.0)
    assert goal.holds is holds
    assert goal.goal == "<= 2 and >= 1"


def test_rivals_take_turns():
    calls: list[str] = []
    rivals = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    took = interleave.in_turns(rivals, rounds=2)
    assert calls == ["a", "b"] * 3
    assert took.keys() == {"a", "b"}


def test_slow_rivals_count_from_the_first_turn_and_take_every_second_one(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    rivals = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    monkeypatch.setattr(interleave, "SLOW", 0.0)
    took = interleave.in_turns(rivals, rounds=3)
    assert calls == ["a", "b"] * 2
    assert all(0.0 < t < float("inf") for t in took.values())
