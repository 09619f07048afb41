"""Arrays in `.npz` files, read without pickle, and what is wrong with them in words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from .problems import CircuitError

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
        with path.open("rb") as stream:
            if stream.read(6) == np.lib.format.MAGIC_PREFIX:
                stream.seek(0)
                return {"input": np.lib.format.read_array(stream, allow_pickle=False)}
        if not zipfile.is_zipfile(path):
            raise ValueError("it is damaged, or something else")
        with np.load(path, allow_pickle=False) as held:
            return dict(held)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CircuitError(
            [f"{path} must be a .npz file of plain arrays: {error}; write it with numpy.savez"], "the file"
        ) from None


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays under their names; ``arrays_of`` reads them again."""
    with path.open("wb") as stream:  # numpy would change the name of a file without its ending
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


def unusable(arrays: Mapping[str, Array]) -> list[str]:
    """A sentence for each array that is not all finite real numbers."""
    problems: list[str] = []
    for name, array in arrays.items():
        if array.dtype.kind not in REAL:
            problems.append(f"`{name}` must hold real numbers, but got {array.dtype}")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            places = np.argwhere(~np.isfinite(array))
            first = tuple(int(n) for n in places[0])
            at = f"[{', '.join(map(str, first))}]"
            more = f", and {len(places) - 1} more are not finite" if len(places) > 1 else ""
            problems.append(f"`{name}` must be finite, but {at} is {array[first]}{more}")
    return problems
