"""Named arrays from npy, npz and safetensors files, mapped where that is asked for and possible."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from leyden.data.errors import DataError, require_file

SUFFIXES = (".npy", ".npz", ".safetensors")


def read_arrays(path: Path, *, memory_map: bool = False) -> dict[str, np.ndarray]:
    """Every array of a file by name; the one of an ``.npy`` file is named ``""``.

    Args:
        path: The file; its suffix says what it is.
        memory_map: Leave arrays on disk where they lie there uncompressed.

    Raises:
        DataError: The file is missing, cut short, damaged, or holds Python objects.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: arrays are read from {', '.join(SUFFIXES)} files, not `{path.suffix}`")
    require_file(path)
    try:
        if path.suffix == ".npy":
            array = np.load(path, mmap_mode="r" if memory_map else None, allow_pickle=False)
            return {"": np.asarray(array)}
        if path.suffix == ".npz":
            return _read_npz(path, memory_map)
        return _read_safetensors(path)
    except (ValueError, OSError, EOFError, struct.error, zipfile.BadZipFile, zlib.error) as error:
        if "bject array" in str(error):
            reason = "holds Python objects, not numbers; save it with a numeric dtype"
        else:
            reason = f"cannot be read, it may be cut short or damaged ({str(error).splitlines()[0]})"
        raise DataError(f"{path}: {reason}") from None


def _read_npz(path: Path, memory_map: bool) -> dict[str, np.ndarray]:
    """Members of the archive; those stored as they are can be mapped at their place in the file."""
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if not memory_map or member.compress_type != zipfile.ZIP_STORED:
                with archive.open(member) as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
                continue
            raw.seek(member.header_offset + 26)  # local header: lengths of name and extra field, then both
            raw.seek(sum(struct.unpack("<HH", raw.read(4))), 1)
            version = np.lib.format.read_magic(raw)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = header(raw)
            if dtype.hasobject:
                raise ValueError("Object arrays")
            order = "F" if fortran else "C"
            arrays[name] = np.asarray(np.memmap(path, dtype, "r", raw.tell(), shape, order))
    return arrays


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, KeyError) as error:  # KeyError: an element type that numpy has no name for
        raise ValueError(str(error)) from None
