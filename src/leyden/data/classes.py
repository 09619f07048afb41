"""Samples grouped by class, for samplers and splits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from leyden.spec.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """Which samples each class has; classes without a sample are left out.

    Args:
        members: Sample indices (int64), class by class, in the order of the data within each.
        starts: First place of each class in ``members`` (int64).
        counts: Samples of each class (int64).
    """

    members: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)


def classes_of(labels: np.ndarray | None, *, wanted_by: str) -> Classes:
    """Group samples by label (int64); remembered for the arrays seen last.

    Raises:
        DataError: There are no labels.
    """
    if labels is None:
        raise DataError(f"{wanted_by} needs one class label for each sample, but this data has none")
    return _grouped(_ByIdentity(labels))


@dataclass(frozen=True, eq=False)
class _ByIdentity:
    array: np.ndarray

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.array is self.array


@lru_cache(maxsize=4)
def _grouped(labels: _ByIdentity) -> Classes:
    members = np.argsort(labels.array, kind="stable").astype(np.int64)
    _, starts, counts = np.unique(labels.array[members], return_index=True, return_counts=True)
    return Classes(members=members, starts=starts.astype(np.int64), counts=counts.astype(np.int64))
