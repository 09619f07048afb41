"""Named arrays in npy, npz and safetensors files, each read or mapped when it is asked for."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from leyden.data.files import require_file
from leyden.spec.errors import DataError

SUFFIXES = (".npy", ".npz", ".safetensors")


class Archive(Mapping[str, np.ndarray]):
    """The arrays of a file by name; the one of an ``.npy`` file is named ``""``.

    Args:
        path: The file; its suffix says what it is.
        memory_map: Leave arrays on disk where they lie there uncompressed (not in safetensors).

    Raises:
        DataError: The file is missing, cut short, damaged, or holds Python objects, perhaps seen on reading.
    """

    def __init__(self, path: Path, *, memory_map: bool = False) -> None:
        if path.suffix not in SUFFIXES:
            raise DataError(f"{path}: arrays are read from {', '.join(SUFFIXES)} files, not `{path.suffix}`")
        require_file(path)
        self._path = path
        self._memory_map = memory_map
        with _damage_named(path):
            self._names = _names(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        with _damage_named(self._path):
            if self._path.suffix == ".npy":
                return np.asarray(np.load(self._path, mmap_mode="r" if self._memory_map else None))
            if self._path.suffix == ".npz":
                return _npz_member(self._path, f"{name}.npy", self._memory_map)
            from safetensors import safe_open

            with safe_open(self._path, framework="numpy") as file:
                return file.get_tensor(name)


@contextmanager
def _damage_named(path: Path) -> Generator[None]:
    """Turns what the readers raise at damaged files into a `DataError`."""
    from safetensors import SafetensorError

    broken = (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        TypeError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    )
    try:
        yield
    except (*broken, SafetensorError) as error:
        if "bject array" in str(error):
            reason = "holds Python objects, not numbers; save it with a numeric dtype"
        else:
            reason = f"cannot be read, it may be cut short or damaged ({str(error).splitlines()[0]})"
        raise DataError(f"{path}: {reason}") from None


def _names(path: Path) -> list[str]:
    if path.suffix == ".npy":
        return [""]
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return list(file.keys())


def _npz_member(path: Path, name: str, memory_map: bool) -> np.ndarray:
    """One array of the archive, mapped at its place in the file if it is stored as it is."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(name)
        if not memory_map or member.compress_type != zipfile.ZIP_STORED:
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    with path.open("rb") as raw:
        raw.seek(member.header_offset + 26)  # local header: lengths of name and extra field, then both
        raw.seek(sum(struct.unpack("<HH", raw.read(4))), 1)
        version = np.lib.format.read_magic(raw)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(raw)
        if dtype.hasobject:
            raise ValueError("Object arrays")
        return np.asarray(np.memmap(path, dtype, "r", raw.tell(), shape, "F" if fortran else "C"))
