"""A set of samples to train or evaluate on: a source, which of its samples, and what is done to them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from leyden.data.info import DataInfo, Field
from leyden.data.sources.source import Batch, Source
from leyden.data.transforms.transform import Transform
from leyden.spec.seeds import fold_in


class Dataset:
    """Samples of ``source`` at ``indices`` after ``transforms``.

    Args:
        source: Where samples come from.
        indices: Which samples of the source, in which order (int64); None for all as they come.
        transforms: Applied one after the other.
        limit: Use only so many samples, evenly spread over the rest: a number, or ``"10 %"``; None for all.
    """

    def __init__(
        self,
        source: Source,
        *,
        indices: np.ndarray | None = None,
        transforms: Sequence[Transform] = (),
        limit: int | str | None = None,
    ) -> None:
        self.source = source
        self.transforms = tuple(transforms)
        self.rows = limited(len(source), indices, limit)
        #: whether a batch costs so little that worker processes would only slow it down
        self.cheap = source.in_memory and not any(transform.per_sample for transform in self.transforms)

    def __len__(self) -> int:
        return len(self.source) if self.rows is None else len(self.rows)

    def batch(
        self, indices: np.ndarray, /, *, seed: int, epoch: int, positions: np.ndarray | None = None
    ) -> Batch:
        """Samples at ``indices`` (int64) as one batch; it may share memory with the source: read only.

        Args:
            indices: Which samples of this dataset.
            seed: Seed of the run; random transforms depend on it, on the epoch and on the sample.
            epoch: Epoch of the run.
            positions: Where in the epoch each sample stands, so that a sample that a sampler repeats is not
                repeated with the same augmentation; None for evaluation.
        """
        rows = indices if self.rows is None else self.rows[indices]
        batch = self.source.gather(rows)
        if self.transforms:
            rngs = Generators(rows, seed, epoch, positions)
            for transform in self.transforms:
                batch = transform.batch(batch, rngs)
        return batch

    def labels(self) -> np.ndarray | None:
        """Class of every sample (int64) without decoding samples; None where there are none."""
        labels = self.source.labels()
        return labels if labels is None or self.rows is None else labels[self.rows]

    def info(self) -> DataInfo:
        """Sizes, shapes after the transforms, classes and how often each occurs."""
        info = replace(self.source.info(), num_samples=len(self))
        if self.transforms and len(self):
            batch = self.batch(np.zeros(1, np.int64), seed=0, epoch=0)
            info = replace(
                info, fields={n: Field(shape=a.shape[1:], dtype=a.dtype.name) for n, a in batch.items()}
            )
        labels = self.labels()
        if self.rows is not None and info.classes and labels is not None:
            counts = np.bincount(labels, minlength=len(info.classes))
            info = replace(info, class_counts=tuple(int(count) for count in counts))
        return info

    def fingerprint(self) -> str:
        """Digest of the source and of the choice of samples; 32 hexadecimal digits."""
        digest = hashlib.blake2b(self.source.fingerprint().encode(), digest_size=16)
        if self.rows is not None:
            digest.update(np.ascontiguousarray(self.rows, np.int64).tobytes())
        return digest.hexdigest()


class Generators(Sequence[np.random.Generator]):
    """One generator a sample, made when it is first asked for and then kept for the next transform."""

    def __init__(self, rows: np.ndarray, seed: int, epoch: int, positions: np.ndarray | None) -> None:
        self._rows = rows
        self._positions = np.zeros_like(rows) if positions is None else positions
        self._seed = seed
        self._epoch = epoch
        self._made: dict[int, np.random.Generator] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> np.random.Generator: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.random.Generator]: ...
    def __getitem__(self, index: int | slice) -> np.random.Generator | Sequence[np.random.Generator]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index not in self._made:
            words = (self._epoch, int(self._rows[index]), int(self._positions[index]))
            key = fold_in(self._seed, "sample", *words)
            self._made[index] = np.random.Generator(np.random.Philox(key=key))
        return self._made[index]


def limited(samples: int, indices: np.ndarray | None, limit: int | str | None) -> np.ndarray | None:
    """What remains of ``indices`` (None: all) under a limit, evenly spread: a sorted file keeps its mixture.

    Raises:
        ValueError: The limit is not a number of at least 1 or a percentage above 0 up to 100.
    """
    if limit is None:
        return indices
    available = samples if indices is None else len(indices)
    wanted = _count(limit, available)
    if wanted >= available:
        return indices
    chosen = np.arange(wanted, dtype=np.int64) * available // wanted
    return chosen if indices is None else indices[chosen]


def _count(limit: int | str, available: int) -> int:
    if isinstance(limit, int):
        if limit < 1:
            raise ValueError(f"limit must be at least 1, but got {limit}")
        return limit
    number, percent, rest = limit.partition("%")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not percent or rest.strip() or not 0 < share <= 100:
        raise ValueError(
            f"limit must be a number of samples or a percentage such as `10 %`, but got `{limit}`"
        )
    return max(1, round(available * share / 100))
