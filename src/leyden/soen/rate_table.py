"""The rate table: mean voltage of a two-junction interferometer over bias current and flux, on a grid."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from .problems import CircuitError

#: the file that ships with the package
SHIPPED = "rate_table.npz"


@dataclass(frozen=True, eq=False)
class RateTable:
    """g over current (rows) and flux (columns), both equally spaced, flux from 0 to 0.5.

    Args:
        currents: Bias currents in critical currents, ascending, shape (R,).
        rates: g, shape (R, C), float64; columns are fluxes 0 to 0.5 in flux quanta.
        origin: Where the numbers come from, in words.
        parameters: The circuit they were computed for.
    """

    currents: np.ndarray[Any, Any]
    rates: np.ndarray[Any, Any]
    origin: str = ""
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        shape, problems = self.rates.shape, list[str]()
        if len(shape) != 2 or min(shape) < 2:
            problems.append(f"rates must be a table of at least 2 x 2 numbers, but got shape {shape}")
        elif self.currents.shape != shape[:1]:
            problems.append(
                f"there must be one current for each of {shape[0]} rows, but got {self.currents.shape}"
            )
        elif (
            not np.allclose(np.diff(self.currents), self.currents[1] - self.currents[0])
            or self.currents[0] >= self.currents[1]
        ):
            problems.append("currents must ascend in equal steps")
        if not np.isfinite(self.rates).all():
            problems.append("rates must be finite")
        if problems:
            raise CircuitError(problems, "the rate table")

    @property
    def fluxes(self) -> np.ndarray[Any, Any]:
        """Fluxes of the columns, in flux quanta."""
        return np.linspace(0.0, 0.5, self.rates.shape[1])

    @classmethod
    def read(cls, path: str | Path) -> RateTable:
        """A table from a `.npz` file, or from the original's pickle, which is read as plain data.

        Raises:
            CircuitError: The file is no rate table.
        """
        path = Path(path)
        try:
            held = _npz(path) if zipfile.is_zipfile(path) else _pickled(path)
            flux = np.asarray(held["phi_array"], dtype=np.float64)
            table = cls(
                currents=np.asarray(held["ib_list"], dtype=np.float64),
                rates=np.asarray(held["g_array"], dtype=np.float64),
                origin=str(held.get("origin", path.name)),
                parameters=json.loads(str(held["params"]))
                if isinstance(held.get("params"), (str, np.ndarray))
                else {},
            )
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, CircuitError):
                raise
            raise CircuitError([f"{path} cannot be read as one: {error!r}"], "the rate table") from None
        if not np.allclose(flux, table.fluxes, atol=1e-6):
            raise CircuitError([f"{path}: fluxes must go from 0 to 0.5 in equal steps"], "the rate table")
        return table

    def write(self, path: str | Path) -> None:
        """Write a `.npz` file that ``read`` takes and that needs no pickle."""
        np.savez_compressed(
            path,
            ib_list=self.currents,
            phi_array=self.fluxes,
            g_array=self.rates,
            origin=np.array(self.origin),
            params=np.array(json.dumps(self.parameters)),
        )


@cache
def shipped() -> RateTable:
    """The table that circuits use where none is given.

    Raises:
        CircuitError: This installation has none.
    """
    file = files("leyden.soen") / SHIPPED
    if not file.is_file():
        raise CircuitError(
            ["RateArray needs a table, and none is installed; give one, or make it: leyden soen rate-table"],
            "the rate table",
        )
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        return RateTable(
            currents=held["ib_list"],
            rates=held["g_array"],
            origin=str(held["origin"]),
            parameters=json.loads(str(held["params"])),
        )


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as held:
        return dict(held)


def _pickled(path: Path) -> dict[str, Any]:
    from .plain_pickle import read

    held = read(path.read_bytes(), str(path))
    if not isinstance(held, dict):
        raise CircuitError(
            [f"{path} must hold a dictionary, but got {type(held).__name__}"], "the rate table"
        )
    return dict(held)
