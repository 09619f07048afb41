"""Arrays in `.npz` files, read without pickle, and what is wrong with them in words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from .problems import CircuitError
from .whole_file import replaced

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

#: bool, signed, unsigned and floating point
REAL = "biuf"


def present(path: Path) -> None:
    """CircuitError where there is no such file."""
    if not path.is_file():
        problem = f"{path} is a folder; name a file in it" if path.is_dir() else f"{path} does not exist"
        raise CircuitError([problem], "the file")


def arrays_of(path: Path) -> Arrays:
    """Every array of a file, under its name.

    Raises:
        CircuitError: The file cannot be read as arrays.
    """
    present(path)
    try:
        return _read(path)
    except Exception as error:  # numpy, zip and zlib say in a dozen ways that a file is damaged
        raise CircuitError(
            [f"{path} must be a .npz file of plain arrays: {error}; write it with numpy.savez"], "the file"
        ) from None


def _read(path: Path) -> Arrays:
    with path.open("rb") as stream:
        if stream.read(6) == np.lib.format.MAGIC_PREFIX:
            stream.seek(0)
            return {"input": np.lib.format.read_array(stream, allow_pickle=False)}
    if not zipfile.is_zipfile(path):
        raise ValueError("it is damaged, or something else")
    with np.load(path, allow_pickle=False) as file:
        # numpy returns the bytes of what is no array
        return {name: held for name, held in file.items() if isinstance(held, np.ndarray)}


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays under their names; ``arrays_of`` reads them again.

    Raises:
        CircuitError: There is no writing there.
    """
    # numpy would change the name of a file without its ending
    with replaced(path) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, **cast("dict[str, Any]", arrays))


def input_of(held: Arrays, path: Path) -> Array:
    """The array `input` of a file."""
    if "input" not in held:
        names = ", ".join(sorted(held)) or "nothing"
        raise CircuitError(
            [f"{path} must have an array `input`, (batch, time, features), but has {names}"], "the file"
        )
    found = held["input"]
    if found.ndim != 3 or not found.size:
        raise CircuitError(
            [f"`input` must be (batch, time, features), none of them 0, but has shape {found.shape}"],
            f"the file {path}",
        )
    return found


def native(array: Array) -> Array:
    """The same numbers as torch takes them: bytes in this machine's order, 64 bits at most."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def unusable(arrays: Mapping[str, Array]) -> list[str]:
    """A sentence for each array that is not all finite real numbers."""
    problems: list[str] = []
    for name, array in arrays.items():
        if array.dtype.kind not in REAL:
            problems.append(f"`{name}` must hold real numbers, but got {array.dtype}")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            problems.append(f"`{name}` must be finite, but {_first(array, ~np.isfinite(array))}")
    return problems


def no_masks(arrays: Mapping[str, Array]) -> list[str]:
    """A sentence for each array that is not all zeros and ones."""
    return [
        f"`{name}` must hold zeros and ones, but {_first(array, wrong)}"
        for name, array in arrays.items()
        if (wrong := ~np.isin(array, (0, 1))).any()
    ]


def _first(array: Array, wrong: Array) -> str:
    """The first wrong number, where it stands, and how many more there are."""
    places = np.argwhere(wrong)
    first = tuple(int(n) for n in places[0])
    more = f", and {len(places) - 1} more are wrong" if len(places) > 1 else ""
    return f"[{', '.join(map(str, first))}] is {array[first]}{more}"
