"""The real data sets that scikit-learn carries with it."""

from __future__ import annotations

from typing import Any, Literal

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
        import sklearn.datasets

        loaders: dict[str, Any] = {
            "digits": sklearn.datasets.load_digits,
            "iris": sklearn.datasets.load_iris,
            "wine": sklearn.datasets.load_wine,
            "breast_cancer": sklearn.datasets.load_breast_cancer,
            "diabetes": sklearn.datasets.load_diabetes,
        }
        bunch = loaders[self.name]()
        inputs = np.asarray(bunch.data, np.float32)
        if self.name == "digits":
            shape = {"flat": (64,), "image": (1, 8, 8), "sequence": (8, 8)}[self.layout]
            inputs = inputs.reshape(-1, *shape) / 16
        number = self.name == "diabetes"
        targets = np.asarray(bunch.target, np.float32 if number else np.int64)
        columns = {
            "input": Column(array=inputs, dtype=inputs.dtype),
            "target": Column(array=targets, dtype=targets.dtype),
        }
        return Held(
            columns=columns, classes=() if number else tuple(str(name) for name in bunch.target_names)
        )

    def place(self, name: str, row: int) -> str:
        return f"sklearn {self.name}: {name}[{row}]"
