"""The contract of sources: random access to samples of numpy arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leyden.data.info import DataInfo
from leyden.spec.parts import Kind

source = Kind("source")

Sample = dict[str, np.ndarray]  # "input", "target" and whatever else the format holds
Batch = dict[str, np.ndarray]  # the same names, first dimension the batch


@source.contract
class Source(ABC):
    """Random access: a length and samples by index. Deterministic; never random by itself."""

    #: True where `gather` is one indexing operation and costs no decoding; such sources need no workers
    in_memory: bool = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int, /) -> Sample: ...

    def gather(self, indices: np.ndarray, /) -> Batch:
        """Samples at ``indices`` (int64) as one batch; in-memory sources override it with one indexing."""
        if not len(indices):
            return {name: array[None][:0] for name, array in self[0].items()}
        samples = [self[int(i)] for i in indices]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}

    @abstractmethod
    def info(self) -> DataInfo: ...

    def labels(self) -> np.ndarray | None:
        """Class of every sample (int64), without decoding samples; None where there are none."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Digest of content or of paths, sizes and times; equal data gives equal digests."""

    def check(self) -> Sequence[str]:
        """Problems of the data, each naming file and row, that show without a whole epoch of decoding."""
        return ()

    def fitted(self, indices: np.ndarray, /) -> dict[str, Any]:
        """What is measured on the training samples ``indices`` and holds for every set (statistics, category
        codes, class order), in plain values; empty where nothing is."""
        return {}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Source:
        """This source using what another source of its kind measured.

        Raises:
            DataError: This source does not fit to what was measured (another class, another column).
        """
        return self
