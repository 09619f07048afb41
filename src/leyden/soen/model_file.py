"""What model files of every format have in common, and how it becomes a circuit with its numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from . import compat as quirks
from .archive import REAL, Array, Arrays, unusable
from .circuit import Circuit
from .frozen import Frozen
from .problems import CircuitError, Where, nowhere, told
from .rate_table import RateTable
from .saved import OURS, Saved

CARRIED = "carried by the model file"

Checked = TypeVar("Checked", bound=Frozen)


class OwnTable(Frozen):
    """A rate table within a model file.

    Args:
        range: Smallest and largest current.
        rates: g, currents by fluxes.
    """

    range: Annotated[tuple[float, float], Field(strict=False)]
    rates: Any


class Own(Frozen):
    """What files of the original have no place for; model files have it under ``leyden``.

    Args:
        seed: As in a description; `quantization` and `compat` likewise.
        quantization: See `seed`.
        compat: See `seed`.
        simulation: Settings that the original does not know.
        rate_table: The rate table, where a source function uses one.
        dtype: Precision of the numbers, where the format does not tell it.
    """

    seed: Any = None
    quantization: Any = None
    compat: Any = None
    simulation: dict[str, Any] = Field(default_factory=dict)
    rate_table: OwnTable | None = None
    dtype: Literal["float32", "float64"] = "float32"


class ModelFile(Frozen):
    """The entries that all formats have under the same name.

    Args:
        metadata: What the file says about itself.
        leyden: What files of the original do not have.
    """

    metadata: dict[str, Any] = Field(default_factory=dict)
    leyden: Own | None = None


def checked(
    kind: type[Checked], tree: Mapping[str, Any], name: str, compat: Any, where: Where = nowhere
) -> Checked:
    """A file's tree as what its format asks for; of files of the original, unknown keys are dropped.

    Raises:
        CircuitError: With every problem of the tree.
    """
    dropped = list[str]()
    try:
        lenient = OURS not in tree or "keys" in quirks.items(compat or ())
        found = kind.model_validate(tree, context={"dropped": dropped} if lenient else {})
    except ValidationError as error:
        raise told(error, name, where) from None
    except ValueError as error:
        raise CircuitError([str(error)], name) from None
    if dropped:
        names = ", ".join(sorted(set(dropped)))
        warnings.warn(
            f"{name} has keys that nothing reads, dropped as the original does: {names}", stacklevel=2
        )
    return found


def numbers(value: Any, dtype: str | None = None) -> Array:
    """A value of a file as an array; one of objects where the value is no array of numbers.

    Args:
        value: Lists of numbers, or an array.
        dtype: Precision, where the file does not tell it.
    """
    try:
        found = np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.array(None, dtype=object)
    if dtype is None or not _real(found):
        return found
    with np.errstate(over="ignore"):  # the infinity that it becomes is refused
        return found.astype(dtype)


def _real(array: Array) -> bool:
    return array.dtype.kind in REAL


@dataclass(frozen=True, kw_only=True)
class Content:
    """A model file taken apart, its format forgotten.

    Args:
        name: What to call the file in messages.
        entries: What all formats have.
        simulation: Settings, as the circuit takes them; `layers` and `connections` likewise.
        layers: See `simulation`.
        connections: See `simulation`.
        state: Numbers under the names of a state dictionary.
        masks: Mask of each connection by key.
        steps: Where the file tells the time step, and what it tells.
        where: Where in the file a key of the circuit stands.
    """

    name: str
    entries: ModelFile
    simulation: Mapping[str, Any]
    layers: Any
    connections: Any
    state: Arrays
    masks: Arrays
    steps: Mapping[str, Any]
    where: Where = nowhere

    def saved(self, compat: Any) -> Saved:
        """The circuit and its numbers.

        Raises:
            CircuitError: The circuit cannot be read, or numbers are none, or contradict each other.
        """
        own = self.entries.leyden or Own()
        found = {name: numbers(step) for name, step in self.steps.items() if step is not None}
        steps = {name: float(a.item()) for name, a in found.items() if a.size == 1 and _real(a)}
        first = {"dt": next(iter(steps.values()))} if steps else {}
        tree = {
            "simulation": first | dict(self.simulation) | own.simulation,
            "layers": self.layers,
            "connections": self.connections,
        }
        described = own.model_dump(include={"seed", "quantization", "compat"}, exclude_none=True)
        read = Circuit.salvage if self.entries.leyden is None else Circuit.read
        circuit = read(described | tree, self.name, compat, self.where)
        masks = {f"the mask of {key}": mask for key, mask in self.masks.items()}
        problems = unusable(self.state | masks) + self._contradictions(circuit, steps)
        problems += [f"`{name}` must be one number, the time step" for name in found if name not in steps]
        if problems:
            raise CircuitError(problems, self.name)
        return Saved(
            circuit=circuit,
            state=self.state,
            masks=self.masks,
            metadata=self.entries.metadata,
            carried=_table(own.rate_table, self.state),
        )

    def _contradictions(self, circuit: Circuit, steps: Mapping[str, float]) -> list[str]:
        """What is wrong with the time steps: a file has several, and only one can act."""
        learnable = circuit.simulation.dt_learnable
        # one that was learned is another than the one that it began with
        said = {} if learnable else {"simulation.dt": circuit.simulation.dt}
        values: dict[float, list[str]] = {}
        for name, step in {**said, **steps}.items():
            values.setdefault(float(np.float32(step)), []).append(name)
        if len(values) < 2:
            return []
        listed = ", ".join(f"{value:g} ({', '.join(names)})" for value, names in values.items())
        problem = f"the time step must be one number, but is {listed}"
        if learnable:
            warnings.warn(f"{self.name}: {problem}; the first is taken", stacklevel=3)
            return []
        return [f"{problem}; write the same everywhere, or leave out what is not meant"]


def _table(own: OwnTable | None, state: Mapping[str, Array]) -> RateTable | None:
    """The rate table that a model file carries; files of the original tell no currents with it."""
    theirs = next((a for name, a in state.items() if name.endswith("g_table")), None)
    if own is None and theirs is None:
        return None
    # they are 0.95 to 2.5 in all of them
    first, last = own.range if own else (0.95, 2.5)
    rates = numbers(own.rates if own else theirs)
    if problems := unusable({"rate_table": rates}):
        raise CircuitError(problems, "the rate table of the model file")
    rates = rates.reshape(rates.shape[-2:]).astype(np.float64)
    return RateTable(currents=np.linspace(first, last, rates.shape[0]), rates=rates, origin=CARRIED)
