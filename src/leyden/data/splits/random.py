"""Held-out samples drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from leyden.data.classes import classes_of
from leyden.data.permutation import permuted
from leyden.data.splits.split import Split, split
from leyden.spec.errors import DataError
from leyden.spec.seeds import fold_in

Size = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)]


@split("random")
@dataclass(frozen=True, kw_only=True)
class Random(Split):
    """Validation and test samples drawn at random, without replacement.

    Args:
        val: Samples to validate on: a share below 1 such as 0.1, or a number of samples.
        test: Samples to test on, given likewise.
        stratify: Hold out the same share of every class.
        seed: Seed of the draw; null takes the run's, so that each repeat holds out other samples.

    Raises:
        DataError: Nothing would remain to train on, or there are no classes to stratify by.

    Example:
        type: random
        val: 0.1
        test: 0.2
        stratify: true
    """

    val: Size = 0.1
    test: Size = 0
    stratify: bool = False
    seed: Annotated[int, Field(ge=0)] | None = None

    def parts(self, num_samples: int, labels: np.ndarray | None, seed: int, /) -> dict[str, np.ndarray]:
        val, test = _number(self.val, num_samples), _number(self.test, num_samples)
        if val + test >= num_samples:
            raise DataError(
                f"split `random` leaves nothing to train on: {val} samples for val and {test} for test "
                f"of {num_samples}; hold out fewer"
            )
        key = fold_in(seed if self.seed is None else self.seed, "split")
        order = permuted(np.arange(num_samples), n=num_samples, key=key)
        if self.stratify:
            order = _spread(order, labels)
        held = {"val": order[:val], "test": order[val : val + test], "train": order[val + test :]}
        return {name: np.sort(indices) for name, indices in held.items()}


def _number(size: float, num_samples: int) -> int:
    return round(size * num_samples) if size < 1 else int(size)


def _spread(order: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Reorder so that every stretch holds the classes in proportion: the j-th of n samples of a class goes to
    (j + 1/2) / n of the way."""
    by_order = None if labels is None else labels[order]
    classes = classes_of(by_order, wanted_by="split `random` with `stratify`")
    way = np.empty(len(order))
    for start, count in zip(classes.starts, classes.counts, strict=True):
        way[classes.members[start : start + count]] = (np.arange(count) + 0.5) / count
    return order[np.argsort(way, kind="stable")]
