"""Fashion-MNIST as Debian ships it: 60,000 and 10,000 pictures of clothes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from leyden.data.sources._held import Column, Held, HeldSource
from leyden.data.sources.source import source
from leyden.spec.errors import DataError

CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@source("fashion_mnist")
class FashionMnist(HeldSource):
    """Grey pictures (1, 28, 28) from 0 to 1 of ten kinds of clothes (Xiao et al., arXiv:1708.07747).

    Args:
        split: The 60,000 pictures to train on or the 10,000 to test on.
        path: Folder of the four `idx` files; the default is where Debian's package puts them.

    Example:
        type: fashion_mnist
        split: train
    """

    def __init__(
        self,
        *,
        split: Literal["train", "test"] = "train",
        path: Path = Path("/usr/share/datasets/fashion-mnist"),
    ) -> None:
        self.split = split
        self.path = path
        stem = "train" if split == "train" else "t10k"
        self._files = {"input": f"{stem}-images-idx3-ubyte.gz", "target": f"{stem}-labels-idx1-ubyte.gz"}

    def load(self) -> Held:
        pictures = _read_idx(self.path / self._files["input"])
        labels = _read_idx(self.path / self._files["target"])
        if len(pictures) != len(labels):
            raise DataError(
                f"{self.path}: {len(pictures)} pictures and {len(labels)} labels do not belong together; "
                f"install dataset-fashion-mnist anew"
            )
        columns = {
            "input": Column(array=pictures[:, None], dtype=np.dtype(np.float32), scale=1 / 255),
            "target": Column(array=labels, dtype=np.dtype(np.int64)),
        }
        return Held(columns=columns, classes=CLASSES)

    def place(self, name: str, row: int) -> str:
        return f"{self.path / self._files[name]} row {row}"


def _read_idx(path: Path) -> np.ndarray:
    """An array from a gzipped idx file: two zeros, type (8: bytes), dimensions, their sizes, content."""
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; install it with `apt-get install dataset-fashion-mnist`, "
            f"or set `path` to the folder that has it"
        )
    try:
        with gzip.open(path) as file:
            content = file.read()
        _, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        if kind != 8:
            raise ValueError(f"holds type {kind}, not bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, it may be cut short or damaged ({error})") from None
