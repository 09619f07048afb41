"""Arrays in files that a circuit names: masks, weights, signs of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, ValidationInfo

from .archive import Array, arrays_of, unusable
from .problems import CircuitError


def _found(path: str, info: ValidationInfo) -> str:
    """The path as it is from here: first beside the circuit's own file, then where this runs."""
    folder: Path | None = (info.context or {}).get("folder")
    if folder is None:
        return path
    if (folder / path).is_file():
        return str(folder / path)
    if not Path(path).is_file():
        raise ValueError(f"{path} does not exist, neither from {folder.absolute()} nor from {Path.cwd()}")
    return path


#: the path of a file; one that a circuit in a file names is looked for beside it first
ArrayFile = Annotated[str, AfterValidator(_found)]


def array_in(path: str, key: str, shape: tuple[int, ...]) -> Array:
    """The array of a file, finite real numbers of this shape.

    Args:
        path: A `.npy`, or a `.npz` that has the array under ``key``.
        key: Its name there, and in messages.
        shape: Its shape.

    Raises:
        CircuitError: There is no such array.
    """
    try:
        held = arrays_of(Path(path))
    except CircuitError as error:
        raise CircuitError([f"{key}_file: {problem}" for problem in error.problems]) from None
    bare = [*held] == ["input"]  # a .npy has no name
    if key not in held and not bare:
        names = ", ".join(sorted(held)) or "nothing"
        raise CircuitError([f"{key}_file {path} must have an array `{key}`, but has {names}"])
    found = held["input" if bare else key]
    if found.shape != shape:
        raise CircuitError([f"{path}: `{key}` must have shape {shape}, but got {found.shape}"])
    if broken := unusable({key: found}):
        raise CircuitError([f"{path}: {problem}" for problem in broken])
    return found


def one_of_few(path: str, key: str, shape: tuple[int, ...], few: tuple[int, ...]) -> Array:
    """Such an array that holds a few numbers only."""
    found = array_in(path, key, shape)
    others = found[~np.isin(found, few)]
    if others.size:
        listed = ", ".join(map(str, few))
        raise CircuitError(
            [f"{path}: `{key}` must have no other numbers than {listed}, but has {others[0]:g}"]
        )
    return found
