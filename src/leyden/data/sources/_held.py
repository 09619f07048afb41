"""Sources whose samples lie in arrays: what they share once the arrays are there."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leyden.data.info import DataInfo, Field
from leyden.data.problems import bad_labels, non_finite, stretches
from leyden.data.sources.source import Batch, Sample, Source
from leyden.spec.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """One entry of all samples, converted when samples are taken out.

    Args:
        array: First dimension the samples.
        dtype: What a batch holds.
        scale: What a batch is multiplied by.
    """

    array: np.ndarray
    dtype: np.dtype
    scale: float = 1.0

    @cached_property
    def _plain(self) -> bool:
        flags = self.array.flags
        return flags.c_contiguous and flags.aligned and self.array.dtype.isnative

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows at ``indices`` (int64), converted: always a copy."""
        # `take` is the faster one, but copies the whole of an array that is strided or lies askew in its file
        taken = self.array.take(indices, axis=0) if self._plain else self.array[indices]
        if taken.dtype != self.dtype:
            taken = taken.astype(self.dtype)
        if self.scale != 1.0:
            taken *= self.scale
        return taken


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """Samples in arrays.

    Args:
        columns: "input", "target" and whatever else there is; all of one length.
        classes: Names in label order; empty where targets are no classes.
    """

    columns: dict[str, Column]
    classes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.columns["input"].array)


class HeldSource(Source):
    """A source that reads everything at the first touch, or maps it."""

    in_memory = True

    @abstractmethod
    def load(self) -> Held:
        """Read the data; called once.

        Raises:
            DataError: It cannot be read or does not fit together.
        """

    @abstractmethod
    def place(self, name: str, row: int) -> str:
        """Where entry ``name`` of sample ``row`` stands, for messages."""

    @cached_property
    def held(self) -> Held:
        """The data, read at the first touch."""
        return self.load()

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index: int, /) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return {name: array[0] for name, array in self.gather(np.array([index % len(self)])).items()}

    def gather(self, indices: np.ndarray, /) -> Batch:
        return {name: column.take(indices) for name, column in self.held.columns.items()}

    def info(self) -> DataInfo:
        columns, classes, labels = self.held.columns, self.held.classes, self.labels()
        counts = () if labels is None else np.bincount(labels[labels >= 0], minlength=len(classes))
        return DataInfo(
            num_samples=len(self),
            fields={n: Field(shape=c.array.shape[1:], dtype=c.dtype.name) for n, c in columns.items()},
            classes=classes,
            class_counts=tuple(int(count) for count in counts),
        )

    def labels(self) -> np.ndarray | None:
        return self._labels

    @cached_property
    def _labels(self) -> np.ndarray | None:
        target = self.held.columns.get("target")
        if target is None or not self.held.classes or target.array.ndim != 1:
            return None
        return target.array.astype(np.int64)

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for name, column in sorted(self.held.columns.items()):
            digest.update(
                repr(
                    (name, column.array.shape, column.array.dtype.str, column.dtype.str, column.scale)
                ).encode()
            )
            for _, rows in stretches(column.array):
                digest.update(np.ascontiguousarray(rows).tobytes())
        digest.update(repr(self.held.classes).encode())
        return digest.hexdigest()

    def check(self) -> Sequence[str]:
        try:
            held = self.held
        except DataError as error:
            return [str(error)]
        if not len(held):
            return [f"{self.place('input', 0)}: there is no sample"]
        problems: list[str] = []
        for name, column in held.columns.items():
            problems += non_finite(column.array, name, lambda row, name=name: self.place(name, row))
        if held.classes:
            labels = held.columns["target"].array
            problems += bad_labels(labels, len(held.classes), lambda row: self.place("target", row))
        return problems

    def __getstate__(self) -> dict[str, object]:
        """Without the data: a worker process reads or maps it anew."""
        return {name: value for name, value in self.__dict__.items() if name not in ("held", "_labels")}
