from __future__ import annotations

import math
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leyden.trackers.csv import Csv


def opened(folder: Path, state: dict[str, object] | None = None) -> Csv:
    tracker = Csv()
    tracker.open(folder, {}, state or {})
    return tracker


def lines(folder: Path) -> list[str]:
    return (folder / "metrics.csv").read_text().splitlines()


def test_a_step_is_a_row_and_a_metric_a_column(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"train/loss": 0.5, "lr": 1e-5})
    tracker.log(2, {"train/loss": 0.25})
    tracker.log(2, {"lr": 2e-5})
    tracker.close()
    assert lines(tmp_path) == ["step,train/loss,lr", "1,0.5,1e-05", "2,0.25,2e-05"]


def test_a_later_metric_widens_the_table_and_moves_no_column(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.log(2, {"b": 2.0})
    tracker.log(3, {"a,b": 3.0, "a": 4.0})
    tracker.close()
    assert lines(tmp_path) == ['step,a,b,"a,b"', "1,1.0,,", "2,,2.0,", "3,4.0,,3.0"]
    assert pd.read_csv(tmp_path / "metrics.csv").columns.tolist() == ["step", "a", "b", "a,b"]


def test_what_is_no_number_is_told_from_what_was_not_measured(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": math.nan, "b": math.inf})
    tracker.log(2, {"b": 1.0})
    tracker.close()
    assert lines(tmp_path)[1:] == ["1,nan,inf", "2,,1.0"]


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_floats_read_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = tmp_path_factory.mktemp("csv")
    tracker = opened(folder)
    for step, value in enumerate(values):
        tracker.log(step, {"x": value})
    tracker.close()
    back = [float(line.split(",")[1]) for line in lines(folder)[1:]]
    assert repr(back) == repr(values)


def test_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.log(2, {"a": 2.0})
    state = tracker.state()
    tracker.log(3, {"a": -1.0, "late": -1.0})
    tracker.log(4, {"a": -1.0})
    tracker.close()
    tracker = opened(tmp_path, state)
    tracker.log(3, {"a": 3.0})
    tracker.close()
    assert lines(tmp_path) == ["step,a,late", "1,1.0,", "2,2.0,", "3,3.0,"]


def test_without_a_checkpoint_a_run_begins_anew(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": -1.0})
    tracker.close()
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.close()
    assert lines(tmp_path)[1:] == ["1,1.0"]


def test_a_row_that_a_crash_tore_is_dropped(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    state = tracker.state()
    tracker.close()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("2,0.12")
    tracker = opened(tmp_path, state)
    tracker.log(2, {"a": 2.0})
    tracker.close()
    assert lines(tmp_path)[1:] == ["1,1.0", "2,2.0"]


def test_a_checkpoint_never_splits_the_row_of_its_step(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    state = tracker.state()
    assert state == {"rows": 0, "step": 1, "row": {"a": 1.0}}
    tracker.close()
    tracker = opened(tmp_path, state)
    tracker.log(1, {"b": 2.0})  # a validation after the checkpoint of its step
    tracker.close()
    assert lines(tmp_path) == ["step,a,b", "1,1.0,2.0"]


def test_rows_wait_for_a_full_disk_and_no_checkpoint_builds_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.log(2, {"a": 2.0})
    with monkeypatch.context() as full, pytest.warns(UserWarning, match="rows are kept"):
        full.setattr("leyden.trackers.csv.os.fstat", _full)
        tracker.log(3, {"a": 3.0})
        assert tracker.state()["rows"] == 1
        with pytest.raises(OSError, match="could not take 1 rows"):
            tracker.sync()
    tracker.log(4, {"a": 4.0})
    assert tracker.state()["rows"] == 3
    tracker.sync()
    tracker.close()
    assert lines(tmp_path)[1:] == ["1,1.0", "2,2.0", "3,3.0", "4,4.0"]


def test_a_row_that_is_written_beside_a_checkpoint_does_not_fail_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, append = opened(tmp_path), Csv._append

    def in_the_middle_of_a_sync(self: Csv, step: int, row: dict[str, float]) -> None:
        self.sync()
        append(self, step, row)

    tracker.log(1, {"a": 1.0})
    tracker.state()
    monkeypatch.setattr(Csv, "_append", in_the_middle_of_a_sync)
    tracker.log(2, {"a": 2.0})
    tracker.close()
    assert lines(tmp_path)[1:] == ["1,1.0", "2,2.0"]


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_table_that_somebody_deletes_is_written_anew(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.log(2, {"a": 2.0})
    (tmp_path / "metrics.csv").unlink()
    assert tracker.state()["rows"] == 1
    tracker.close()
    assert lines(tmp_path) == ["step,a", "1,1.0", "2,2.0"]


@pytest.mark.parametrize("seed", range(20))
def test_kills_and_resumes_leave_the_table_of_an_undisturbed_run(tmp_path: Path, seed: int) -> None:
    """A run is killed at random steps, having saved at random steps; metrics appear at their own times."""
    rng = random.Random(seed)

    def values(step: int) -> dict[str, float]:
        return {
            name: step / 7
            for every, name in ((1, "train/loss"), (4, "val/loss"), (9, "x"))
            if step % every == 0
        }

    undisturbed = opened(tmp_path / "one")
    for step in range(1, 30):
        undisturbed.log(step, values(step))
    undisturbed.close()

    saved, state = 0, None
    while saved < 29:
        tracker = opened(tmp_path / "two", state)
        for step in range(saved + 1, min(30, saved + rng.randrange(2, 12))):
            tracker.log(step, values(step))
            if rng.random() < 0.3 or step == 29:
                saved, state = step, tracker.state()
        tracker.close()
    assert lines(tmp_path / "two") == lines(tmp_path / "one")


def test_closing_what_was_never_opened_does_nothing() -> None:
    Csv().close()
