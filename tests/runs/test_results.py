from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from leyden.runs.folder import RunFolder
from leyden.runs.results import Row, Spread, read, record, spreads


def row(repeat: int, value: float, **more: object) -> Row:
    return Row(repeat=repeat, seed=42 + repeat, metrics={"val/loss": value}, **{"status": "finished", **more})  # type: ignore[arg-type]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    first = row(
        0, 0.1, best={"value": 0.05, "step": 3, "path": "a.ckpt"}, steps=9, epochs=3, reason="patience"
    )
    second = row(1, math.inf, status="failed")
    record(file, second)
    assert record(file, first) == [first, second]
    assert read(file) == [first, second]
    assert read(tmp_path / "none.json") == []


def test_seconds_of_a_repeat_add_up_over_its_processes(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    record(file, row(0, 0.3, status="interrupted", seconds=10.0))
    (after,) = record(file, row(0, 0.2, seconds=5.0))
    assert (after.seconds, after.status, after.metrics) == (15.0, "finished", {"val/loss": 0.2})


def test_spread_is_mean_and_sample_standard_deviation() -> None:
    values = [0.1, 0.4, 0.25]
    spread = spreads([row(repeat, value) for repeat, value in enumerate(values)])["val/loss"]
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.std == pytest.approx(statistics.stdev(values))
    assert (spread.count, str(spread)) == (3, "0.25 ± 0.15")


def test_only_repeats_that_are_done_count() -> None:
    rows = [
        row(0, 1.0),
        row(1, 3.0, status="stopped"),
        row(2, 99.0, status="interrupted"),
        row(3, 9, status="failed"),
    ]
    assert spreads(rows)["val/loss"].mean == 2.0
    assert spreads(rows[2:]) == {}


def test_one_repeat_has_no_deviation() -> None:
    spread = spreads([row(0, 0.5)])["val/loss"]
    assert math.isnan(spread.std) and str(spread) == "0.5"


def test_a_metric_of_some_repeats_counts_these() -> None:
    rows = [row(0, 1.0), Row(repeat=1, seed=43, status="finished", metrics={"test/accuracy": 0.5})]
    assert {name: spread.count for name, spread in spreads(rows).items()} == {
        "test/accuracy": 1,
        "val/loss": 1,
    }


def test_a_repeat_that_diverged_shows_in_the_mean() -> None:
    spread = spreads([row(0, 1.0), row(1, math.nan)])["val/loss"]
    assert math.isnan(spread.mean) and math.isnan(spread.std)


def test_the_file_has_the_spreads_for_other_programs(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    record(file, row(0, 1.0))
    record(file, row(1, 2.0))
    told = json.loads(file.read_text())["over_repeats"]["val/loss"]
    assert Spread(**told) == Spread(mean=1.5, std=pytest.approx(math.sqrt(0.5)), count=2)


def test_the_best_checkpoint_is_found_after_the_folder_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(Path("runs/group_1"))
    inside = folder.checkpoints(0) / "step=3.ckpt"
    for path in (inside, inside.absolute()):
        (told,) = folder.record(row(0, 0.1, best={"value": 0.05, "step": 3, "path": str(path)}))
        assert told.best is not None and told.best["path"] == "checkpoints/repeat_0/step=3.ckpt"
    assert folder.record(told) == [replace(told, seconds=0.0)]
