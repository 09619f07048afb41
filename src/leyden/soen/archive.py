"""Arrays in `.npz` files, read without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .problems import CircuitError
from .saved import Arrays


def arrays_of(path: Path) -> Arrays:
    """Every array of a file.

    Raises:
        CircuitError: The file cannot be read as arrays alone.
    """
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {"input": held}
        with held:
            return dict(held)
    except (OSError, ValueError) as error:
        raise CircuitError([f"{path} must be a .npz file of plain arrays: {error}"], "the file") from None


def input_of(held: Arrays, path: Path) -> np.ndarray[Any, Any]:
    """The array `input` of a file."""
    if "input" not in held:
        names = ", ".join(sorted(held)) or "nothing"
        raise CircuitError(
            [f"{path} must have an array `input`, (batch, time, features), but has {names}"], "the file"
        )
    return held["input"]
