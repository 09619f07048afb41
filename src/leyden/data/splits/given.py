"""Held-out samples as a file lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leyden.data.archive import Archive
from leyden.data.splits.split import Split, split
from leyden.spec.errors import DataError


@split("given")
@dataclass(frozen=True, kw_only=True)
class Given(Split):
    """Validation and test samples by their indices in a file; the others are trained on.

    Args:
        path: A ``.npz`` file with integer arrays ``val`` and ``test`` (either may be missing).

    Raises:
        DataError: An index is not an integer, outside the data, or held out twice.

    Example:
        type: given
        path: held_out.npz
    """

    path: Path

    def parts(self, num_samples: int, labels: np.ndarray | None, seed: int, /) -> dict[str, np.ndarray]:
        arrays = Archive(self.path)
        held = {name: arrays[name] for name in ("val", "test") if name in arrays}
        if not held:
            raise DataError(f"{self.path}: needs an integer array named val or test, but has neither")
        taken = np.zeros(num_samples, bool)
        for name, indices in held.items():
            if indices.ndim != 1 or indices.dtype.kind not in "iu":
                raise DataError(
                    f"{self.path}: {name} must be a list of integers, but is {indices.dtype} {indices.shape}"
                )
            wrong = np.flatnonzero((indices < 0) | (indices >= num_samples))
            if wrong.size:
                row = int(wrong[0])
                raise DataError(
                    f"{self.path}: {name}[{row}] is {indices[row]}, but samples are 0 to {num_samples - 1}"
                )
            twice = indices[taken[indices]]
            if twice.size or len(np.unique(indices)) < len(indices):
                raise DataError(f"{self.path}: a sample in {name} is held out twice")
            taken[indices] = True
        empty = np.zeros(0, np.int64)
        parts = {name: np.sort(held.get(name, empty)).astype(np.int64) for name in ("val", "test")}
        return {"train": np.flatnonzero(~taken), **parts}
