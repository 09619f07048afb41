"""The sets of a run: sources, splits, limits and what is measured on the training samples, put together.

train source --limit--> rows --split--> train rows --measure--> fitted
                                   \\--> val, test rows          |
val, test sources ---------------------------------------- with_fitted --> three datasets
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leyden.data.dataset import Dataset, limited
from leyden.data.sources.source import Source
from leyden.data.splits.split import Split
from leyden.data.transforms.transform import Transform
from leyden.spec.errors import DataError

HELD_OUT = ("val", "test")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One set as a run file asks for it.

    Args:
        source: Where samples come from.
        transforms: What is done to them.
        limit: Use only so many, a number or ``"10 %"``; None for all.
    """

    source: Source
    transforms: Sequence[Transform] = ()
    limit: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """The sets of a run, and what was measured on the training samples: plain values, for checkpoints."""

    train: Dataset
    val: Dataset | None
    test: Dataset | None
    fitted: dict[str, Any]


def datasets(
    *,
    train: Wanted,
    val: Wanted | None = None,
    test: Wanted | None = None,
    split: Split | None = None,
    seed: int = 0,
    eval_transforms: Sequence[Transform] = (),
    fitted: Mapping[str, Any] | None = None,
) -> Datasets:
    """Build the sets of a run.

    Args:
        train: The training set; its limit comes before the split.
        val: The validation set, if it is a set of its own.
        test: The test set, if it is a set of its own.
        split: Carves the sets that are not given out of the training set.
        seed: Seed of the run, for a split without its own.
        eval_transforms: What is done to carved sets.
        fitted: What an earlier run measured, to use instead of measuring anew.

    Raises:
        DataError: A set is both given and carved, or the data cannot be read.
    """
    source = train.source
    rows = limited(len(source), None, train.limit)
    rows = np.arange(len(source), dtype=np.int64) if rows is None else rows
    parts = {"train": rows}
    if split is not None:
        labels = source.labels()
        chosen = split.parts(len(rows), None if labels is None else labels[rows], seed)
        parts = {name: rows[indices] for name, indices in chosen.items()}
        if not any(len(parts.get(name, ())) for name in HELD_OUT):
            raise DataError(f"data.split must hold something out, but of {len(rows)} samples it takes none")
    wishes = {"train": train, **_held_out({"val": val, "test": test}, parts, source, eval_transforms)}
    known = _measure(wishes, source, parts["train"]) if fitted is None else dict(fitted)
    measured_source = source.with_fitted(known["source"])
    built: dict[str, Dataset] = {}
    for name, wish in wishes.items():
        measured = zip(
            wish.transforms, known["transforms"].get(name, [{}] * len(wish.transforms)), strict=True
        )
        transforms = [transform.with_fitted(numbers) for transform, numbers in measured]
        if wish.source is source:
            everything = len(parts[name]) == len(source)
            built[name] = Dataset(
                measured_source, indices=None if everything else parts[name], transforms=transforms
            )
        else:
            alike = type(wish.source) is type(source)
            own = wish.source.with_fitted(known["source"]) if alike else wish.source
            built[name] = Dataset(own, transforms=transforms, limit=wish.limit)
    return Datasets(train=built["train"], val=built.get("val"), test=built.get("test"), fitted=known)


def _held_out(
    given: dict[str, Wanted | None],
    parts: dict[str, np.ndarray],
    source: Source,
    eval_transforms: Sequence[Transform],
) -> dict[str, Wanted]:
    wishes: dict[str, Wanted] = {}
    for name, wish in given.items():
        carved = len(parts.get(name, ()))
        if wish is not None and carved:
            raise DataError(
                f"data.{name} is given and data.split holds out {carved} samples for it too; "
                f"set `{name}: 0` in the split or leave data.{name} out"
            )
        if wish is not None:
            wishes[name] = wish
        elif carved:
            wishes[name] = Wanted(source=source, transforms=eval_transforms)
    return wishes


def _measure(wishes: dict[str, Wanted], source: Source, rows: np.ndarray) -> dict[str, Any]:
    """What the source and each transform of each set want to know of the training samples."""
    of_source = source.fitted(rows)
    ready = source.with_fitted(of_source)
    transforms = {
        name: [transform.fitted(ready, rows) for transform in wish.transforms]
        for name, wish in wishes.items()
    }
    return {"source": of_source, "transforms": transforms}
