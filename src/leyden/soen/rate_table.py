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

from .archive import arrays_of, present, unusable, write_arrays
from .problems import CircuitError

#: the file that ships with the package
SHIPPED = "rate_table.npz"
#: what the original calls currents, fluxes and rates
GRID = ("ib_list", "phi_array", "g_array")


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
        present(path)
        npz = path.suffix == ".npz" or zipfile.is_zipfile(path)
        held = arrays_of(path) if npz else _pickled(path)
        problems = [f"there must be an array `{name}`" for name in GRID if name not in held]
        try:
            grid = {name: np.asarray(held[name]) for name in GRID if name in held}
        except ValueError as error:  # rows of different lengths
            raise CircuitError(
                [f"{', '.join(GRID)} must be arrays: {error}"], f"the rate table {path}"
            ) from None
        problems += unusable(grid)
        if problems:
            raise CircuitError(problems, f"the rate table {path}")
        currents, fluxes, rates = (grid[name].astype(np.float64) for name in GRID)
        try:
            table = cls(
                currents=currents,
                rates=rates,
                origin=str(held.get("origin", path.name)),
                parameters=_parameters(held.get("params")),
            )
        except CircuitError as error:
            raise CircuitError(error.problems, f"the rate table {path}") from None
        if fluxes.shape != table.fluxes.shape or not np.allclose(fluxes, table.fluxes, atol=1e-6):
            problem = f"phi_array must be {rates.shape[1]} fluxes in equal steps from 0 to 0.5, a column each"
            raise CircuitError([problem], f"the rate table {path}")
        return table

    def write(self, path: str | Path) -> None:
        """Write a `.npz` file that ``read`` takes and that needs no pickle.

        Raises:
            CircuitError: There is no writing there.
        """
        grid = dict(zip(GRID, (self.currents, self.fluxes, self.rates), strict=True))
        told = {"origin": np.array(self.origin), "params": np.array(json.dumps(self.parameters))}
        write_arrays(Path(path), grid | told)


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


def _parameters(told: Any) -> dict[str, Any]:
    """What a file of ours says about its circuit; files of the original say it otherwise, or not at all."""
    if not isinstance(told, np.ndarray):
        return {}
    try:
        return json.loads(str(told))
    except ValueError as error:
        raise CircuitError([f"params must be JSON: {error}"], "the rate table") from None


def _pickled(path: Path) -> dict[str, Any]:
    from .plain_pickle import read

    held = read(path.read_bytes(), str(path))
    if not isinstance(held, dict):
        raise CircuitError(
            [f"{path} must hold a dictionary, but got {type(held).__name__}"], "the rate table"
        )
    return dict(held)
