from __future__ import annotations

import math
import sys
from pathlib import Path

import pandas as pd
import pytest

from leyden.runs.scalars import read_scalars
from leyden.runs.series import Series, finite, read_series
from leyden.spec.errors import UserError


def written(folder: Path, repeat: int, text: str) -> Path:
    file = folder / "logs" / f"repeat_{repeat}" / "metrics.csv"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_scalars_are_a_row_a_repeat_and_step(tmp_path: Path) -> None:
    written(tmp_path, 0, "step,train/loss,val/loss\n10,0.5,\n20,0.25,\n20,,0.3\n")
    written(tmp_path, 10, "step,train/loss\n10,1.5\n")
    written(tmp_path, 2, "step,train/loss,lr\n10,nan,1e-05\n")
    nan = math.nan
    expected = pd.DataFrame(
        {
            "repeat": [0, 0, 2, 10],
            "step": [10, 20, 10, 10],
            "train/loss": [0.5, 0.25, nan, 1.5],
            "val/loss": [nan, 0.3, nan, nan],
            "lr": [nan, nan, 1e-5, nan],
        }
    )
    pd.testing.assert_frame_equal(read_scalars(tmp_path), expected)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, 0, "step,a\n1,0.5\n2,0.1")
    assert read_scalars(tmp_path)["step"].tolist() == [1]
    assert read_series(file) == {"a": Series([1], [0.5])}


def test_a_folder_without_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a run folder with logs/repeat_<k>"):
        read_scalars(tmp_path)


def test_the_extra_is_named_where_pandas_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r'pip install "leyden\[table\]"'):
        read_scalars(tmp_path)


def test_series_are_in_order_of_steps_and_later_values_win(tmp_path: Path) -> None:
    file = written(tmp_path, 0, "step,a,b\n2,1.0,nan\n1,0.5,\n2,1.5,\n")
    series = read_series(file)
    assert series["a"] == Series([1, 2], [0.5, 1.5])
    assert math.isnan(series["b"].values[0]) and finite(series["b"]) == Series()


def test_there_are_no_series_without_a_file(tmp_path: Path) -> None:
    assert read_series(tmp_path / "metrics.csv") == {}
    (tmp_path / "metrics.csv").touch()
    assert read_series(tmp_path / "metrics.csv") == {}
