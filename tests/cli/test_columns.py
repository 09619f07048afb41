"""Every format holds the same predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from leyden.cli.columns import WRITERS

COLUMNS = {
    "index": np.array([4, 7, 9]),
    "prediction": np.array(["cat", "dög", "a,b"]),
    "probability": np.array([[0.25, 0.75], [1.0, 0.0], [0.1, 0.9]], np.float32),
}
PROBABILITY = COLUMNS["probability"].tolist()


@pytest.fixture(params=WRITERS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"out{request.param}"
    WRITERS[request.param](path, COLUMNS, ["no", "yes"])
    return path


def test_each_format_gives_the_columns_back(file: Path) -> None:
    if file.suffix == ".csv":
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        assert list(rows[0]) == ["index", "prediction", "probability[no]", "probability[yes]"]
        read = [
            [int(r["index"]), r["prediction"], [float(r["probability[no]"]), float(r["probability[yes]"])]]
            for r in rows
        ]
    elif file.suffix == ".jsonl":
        read = [list(json.loads(line).values()) for line in file.read_text(encoding="utf-8").splitlines()]
    elif file.suffix == ".npz":
        archive = np.load(file)
        assert archive["classes"].tolist() == ["no", "yes"]
        read = [list(row) for row in zip(*(archive[name].tolist() for name in COLUMNS), strict=True)]
    else:
        import pyarrow.parquet

        read = [list(row.values()) for row in pyarrow.parquet.read_table(file).to_pylist()]
    assert read == [[4, "cat", PROBABILITY[0]], [7, "dög", PROBABILITY[1]], [9, "a,b", PROBABILITY[2]]]


def test_arrays_without_a_class_each_are_numbered(tmp_path: Path) -> None:
    WRITERS[".csv"](tmp_path / "a.csv", {"x": np.zeros((1, 2, 2))}, ["only"])
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "x[0],x[1],x[2],x[3]"
