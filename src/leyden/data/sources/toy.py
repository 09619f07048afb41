"""Made-up samples for tests, docs and first tries."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from leyden.data.sources._held import Column, Held, HeldSource
from leyden.data.sources.source import source

Count = Annotated[int, Field(ge=1)]


@source("toy")
class ToyDataset(HeldSource):
    """Seeded samples that a small model learns in seconds; a test double, not a benchmark.

    `blobs` are Gaussian clouds, one a class, around random centres. `regression` is a random linear function
    plus a sine of it. `sequence` shows the mark of its class somewhere in noise of shape (length, features).

    Args:
        kind: What is made up.
        samples: Number of samples.
        features: Numbers in a sample, or in each of its time steps.
        classes: Number of classes (`blobs` and `sequence`).
        length: Time steps of a sample (`sequence`).
        noise: Standard deviation of what cannot be learnt.
        seed: Seed of the problem: its centres, function or marks.
        draw: Seed of the samples; sets of one problem differ in this.

    Example:
        type: toy
        kind: blobs
        samples: 512
    """

    def __init__(
        self,
        *,
        kind: Literal["blobs", "regression", "sequence"] = "blobs",
        samples: Count = 256,
        features: Count = 8,
        classes: Annotated[int, Field(ge=2)] = 3,
        length: Count = 16,
        noise: Annotated[float, Field(ge=0)] = 0.5,
        seed: Annotated[int, Field(ge=0)] = 0,
        draw: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.kind = kind
        self.samples = samples
        self.features = features
        self.num_classes = classes
        self.length = length
        self.noise = noise
        self.seed = seed
        self.draw = draw

    def load(self) -> Held:
        problem = np.random.Generator(np.random.Philox(self.seed))
        rng = np.random.Generator(np.random.Philox([self.seed, self.draw]))
        if self.kind == "regression":
            inputs = rng.normal(size=(self.samples, self.features))
            line = inputs @ problem.normal(size=self.features) / np.sqrt(self.features)
            targets = line + 0.5 * np.sin(3 * line) + self.noise * rng.normal(size=self.samples)
            return Held(columns=_columns(inputs, targets.astype(np.float32)))
        labels = np.arange(self.samples, dtype=np.int64) % self.num_classes
        marks = 2 * problem.normal(size=(self.num_classes, self.features))
        if self.kind == "blobs":
            inputs = marks[labels] + self.noise * rng.normal(size=(self.samples, self.features))
        else:
            inputs = self.noise * rng.normal(size=(self.samples, self.length, self.features))
            inputs[np.arange(self.samples), rng.integers(self.length, size=self.samples)] += marks[labels]
        names = tuple(f"class {number}" for number in range(self.num_classes))
        return Held(columns=_columns(inputs, labels), classes=names)

    def place(self, name: str, row: int) -> str:
        return f"toy {self.kind}: {name}[{row}]"


def _columns(inputs: np.ndarray, targets: np.ndarray) -> dict[str, Column]:
    inputs = inputs.astype(np.float32)
    return {
        "input": Column(array=inputs, dtype=inputs.dtype),
        "target": Column(array=targets, dtype=targets.dtype),
    }
