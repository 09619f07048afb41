"""A recipe as `leyden new` leaves it: copied, with its data beside it."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def write_idx(path: Path, array: np.ndarray) -> None:
    """One gzipped file in the IDX format of MNIST and its likes."""
    header = struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def pretend_fashion_mnist(folder: Path) -> Path:
    """Four files like those of Fashion-MNIST with random pictures: the real ones need not be here."""
    rng = np.random.default_rng(0)
    for part, number in (("train", 400), ("t10k", 100)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (number, 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(number) % 10)
    return folder


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Copies a recipe into the current folder, runs its prepare.py and gives the path of its run file."""

    def prepare(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(
            RECIPES / name, folder, ignore=shutil.ignore_patterns("runs", "*.csv", "*.npz", "pictures")
        )
        if (folder / "prepare.py").exists():
            subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True)
        if name == "fashion_mnist":
            pretend_fashion_mnist(tmp_path)
            for part in ("TRAIN", "TEST"):
                monkeypatch.setenv(f"LEYDEN__DATA__{part}__PATH", str(tmp_path))
        monkeypatch.chdir(folder)
        return folder / "run.yaml"

    return prepare
