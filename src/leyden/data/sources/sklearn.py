"""The real data sets that scikit-learn carries with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

import numpy as np

from leyden.data.sources._held import Column, Held, HeldSource
from leyden.data.sources.source import source
from leyden.spec.errors import DataError


@source("sklearn", requires=("sklearn",), extra="sklearn")
class Sklearn(HeldSource):
    """A data set inside scikit-learn; nothing is downloaded.

    `digits`: 1,797 handwritten digits of 8 x 8 pixels from 0 to 1. `iris`, `wine`, `breast_cancer`:
    measurements of 150, 178 and 569 samples of 3, 3 and 2 classes. `diabetes`: 10 measurements of 442
    patients and the disease's progression a year later, a number.

    Args:
        name: Which data set.
        layout: Shape of a digit: (64,), a picture (1, 8, 8), or a sequence of eight rows (8, 8).

    Example:
        type: sklearn
        name: digits
        layout: image
    """

    def __init__(
        self,
        *,
        name: Literal["digits", "iris", "wine", "breast_cancer", "diabetes"],
        layout: Literal["flat", "image", "sequence"] = "flat",
    ) -> None:
        if layout != "flat" and name != "digits":
            raise DataError(
                f"sklearn {name}: layout must be flat, but got {layout}; only digits are pictures"
            )
        self.name = name
        self.layout = layout

    def load(self) -> Held:
        inputs, targets, classes = _read(self.name)
        if self.name == "digits":
            shape = {"flat": (64,), "image": (1, 8, 8), "sequence": (8, 8)}[self.layout]
            inputs = inputs.reshape(-1, *shape) / 16
        targets = targets.astype(np.int64 if classes else np.float32)
        columns = {
            "input": Column(array=inputs.astype(np.float32), dtype=np.dtype(np.float32)),
            "target": Column(array=targets, dtype=targets.dtype),
        }
        return Held(columns=columns, classes=classes)

    def place(self, name: str, row: int) -> str:
        return f"sklearn {self.name}: {name}[{row}]"


def _read(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Inputs (samples, features), targets (samples,) and class names, from the package's own files.

    Importing the package costs more than importing torch, and a check must not take that long.
    """
    package = importlib.util.find_spec("sklearn")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent / "datasets" / "data"
    if name == "digits":
        table = np.loadtxt(folder / "digits.csv.gz", delimiter=",")
        return table[:, :-1], table[:, -1], tuple(str(digit) for digit in range(10))
    if name == "diabetes":
        raw = np.loadtxt(folder / "diabetes_data_raw.csv.gz")
        scaled = (raw - raw.mean(0)) / raw.std(0) / len(raw) ** 0.5  # each column's squares add up to 1
        return scaled, np.loadtxt(folder / "diabetes_target.csv.gz"), ()
    file = folder / {"iris": "iris.csv", "wine": "wine_data.csv", "breast_cancer": "breast_cancer.csv"}[name]
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    with file.open() as lines:
        classes = tuple(lines.readline().strip().split(",")[2:])
    return table[:, :-1], table[:, -1], classes
