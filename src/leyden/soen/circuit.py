"""The whole circuit as one frozen, checked description. Building it is another step: ``soen.build``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from . import compat as quirks
from .connections import Connection
from .consistency import inconsistencies
from .frozen import Frozen, contradictions, whole
from .idle import idle
from .layers import Layer
from .problems import CircuitError, Where, nowhere, placed, told
from .quantization import Quantization
from .simulation import METHODS, Simulation
from .sources import SOURCES

Compat = Annotated[
    frozenset[str],
    Field(strict=False),
    BeforeValidator(quirks.items),
    PlainSerializer(lambda names: "soen" if names == quirks.EVERYTHING else sorted(names)),
]


#: the smallest and the largest that generators take
SEEDS = (-(2**63), 2**64 - 1)


class Circuit(Frozen):
    """Layers, connections and how they are evaluated.

    ``Circuit.read(tree)`` takes the layout of the original's architecture files and tells every problem at
    once.

    Args:
        layers: The layers, in any order.
        connections: The connections; random masks and weights are drawn in their order.
        simulation: How the circuit is evaluated.
        seed: Decides first weights where a run gives no seed of its own.
        quantization: Weights on a few levels.
        compat: `soen`, or items of it: quirks of the original that are brought back.

    Example:
        .. code-block:: yaml

            simulation: {dt: 37}
            layers:
              - {layer_id: 0, layer_type: Linear, params: {dim: 4}}
              - {layer_id: 1, layer_type: SingleDendrite, params: {dim: 8, source_func: RateArray}}
            connections:
              - {from_layer: 0, to_layer: 1, connection_type: dense}
    """

    layers: Annotated[tuple[Layer, ...], Field(strict=False)]
    connections: Annotated[tuple[Connection, ...], Field(strict=False)] = ()
    simulation: Simulation = Simulation()
    seed: Annotated[int, Field(ge=SEEDS[0], le=SEEDS[1])] | None = None
    quantization: Quantization | None = None
    compat: Compat = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _one_layout(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        tree = dict(cast(Mapping[str, Any], data))
        if "sim_config" in tree and None in (tree["sim_config"], tree.get("simulation")):
            older = tree.pop("sim_config")
            tree["simulation"] = tree.get("simulation") if older is None else older
        tree = _seed_on_top(tree)
        return _following_feedback(tree) if _leads_back(tree.get("connections")) else tree

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        found = inconsistencies(
            self.layers, self.connections, self.simulation, self.quantization, self.compat
        )
        if found:
            raise contradictions(found)
        if info.context is None:  # made in Python; what reads trees tells it with the places of keys
            self._tell_idle("the circuit", nowhere)
        return self

    @classmethod
    def read(
        cls,
        tree: Mapping[str, Any],
        name: str = "the circuit",
        compat: Any = None,
        where: Where = nowhere,
        folder: Path | None = None,
    ) -> Circuit:
        """The circuit of a plain tree.

        Args:
            tree: What an architecture file holds.
            name: What to call it in messages.
            compat: Quirks of the original in addition to those the tree asks for.
            where: Where in a file a key stands, for messages.
            folder: Where the file lies; files that the circuit names are looked for there first.

        Raises:
            CircuitError: With every problem of the tree.
        """
        circuit = cls._read(tree, name, compat, where, folder)
        circuit._tell_idle(name, where)
        return circuit

    @classmethod
    def _read(
        cls,
        tree: Mapping[str, Any],
        name: str,
        compat: Any,
        where: Where = nowhere,
        folder: Path | None = None,
    ) -> Circuit:
        dropped, mended = list[str](), list[str]()
        try:
            said = quirks.understood(tree.get("compat"))
            wanted = said | quirks.items(compat or ())
            context: dict[str, Any] = {"folder": folder}
            context |= {"dropped": dropped} if "keys" in wanted else {}
            context |= {"mended": mended} if "settings" in wanted else {}
            wrong = tree.get("compat") and not said  # stays, to be refused under its key
            circuit = cls.model_validate(
                tree if wrong else {**tree, "compat": sorted(wanted)}, context=context
            )
        except ValidationError as error:
            raise told(error, name, where) from None
        except ValueError as error:
            raise error if isinstance(error, CircuitError) else CircuitError([str(error)], name) from None
        if dropped:
            warnings.warn(f"{name}: compat `keys` drops {', '.join(sorted(set(dropped)))}", stacklevel=3)
        if mended:
            warnings.warn(f"{name}: compat `settings` takes {', '.join(mended)}", stacklevel=3)
        return circuit

    def _tell_idle(self, name: str, where: Where) -> None:
        """Warns of settings that were given and cannot act."""
        lines = [placed(path, why, where) for path, why in idle(self)]
        if lines:
            warnings.warn("\n  ".join([f"{name}: without effect", *lines]), stacklevel=4)

    @classmethod
    def salvage(
        cls, tree: Mapping[str, Any], name: str, compat: Any = None, where: Where = nowhere
    ) -> Circuit:
        """The circuit of a model file of the original, which may hold what the original takes and never uses.

        Its numbers were trained without those settings, so they are dropped, with a warning that lists them.
        """
        try:
            return cls._read(tree, name, compat, where)
        except CircuitError as error:
            unused = quirks.items(compat or ()) | quirks.UNUSED
            circuit = cls._read(tree, name, sorted(unused), where)
            warnings.warn(
                f"{name} is read as the original reads it, which ignores: {error.problems}", stacklevel=2
            )
            return circuit

    def tree(self) -> dict[str, Any]:
        """The description as a plain tree that ``read`` takes again, defaults left out."""
        layers = [_short(layer, "layer_id", "layer_type") for layer in self.ordered]
        for entry, layer in zip(layers, self.ordered, strict=True):
            entry["params"] = {"dim": layer.params.dim} | layer.params.model_dump(exclude_defaults=True)
        connections = [_short(c, "from_layer", "to_layer", "connection_type") for c in self.connections]
        tree = self.model_dump(mode="json", exclude_defaults=True, exclude={"layers", "connections"})
        return tree | {"layers": layers, "connections": connections}

    def own(self) -> dict[str, Any]:
        """What files of the original have no place for, as a plain tree; empty where there is nothing."""
        tree = self.model_dump(mode="json", exclude_defaults=True, include={"seed", "quantization", "compat"})
        simulation = self.simulation.own()
        return tree | ({"simulation": simulation} if simulation else {})

    @property
    def ordered(self) -> tuple[Layer, ...]:
        """The layers in the order of their numbers, which is the order of evaluation."""
        return tuple(sorted(self.layers, key=lambda layer: layer.layer_id))

    def layer(self, layer_id: int) -> Layer:
        """The layer of that number."""
        return next(layer for layer in self.layers if layer.layer_id == layer_id)

    def fan_in(self, layer_id: int) -> int:
        """How many connections lead into a layer, at least 1."""
        return max(1, sum(c.to_layer == layer_id for c in self.connections))

    def acts(self, loop: Connection) -> bool:
        """Whether the layer of a self connection acts on it; the original keeps some that nothing acts on."""
        return self.layer(loop.to_layer).params.internal

    def quantizes(self, connection: Connection) -> bool:
        """Whether the weights of a connection are snapped to levels."""
        if self.quantization is None:
            return False
        named = self.quantization.connections
        return connection.trained if named is None else connection.key in named

    @property
    def uses_table(self) -> bool:
        """Whether any source function looks a rate table up."""
        owners = [
            *(layer.params for layer in self.layers),
            *(c.params.connection_params for c in self.connections),
        ]
        names = [getattr(owner, "source_func", None) for owner in owners]
        return any(SOURCES[name].table for name in names if name is not None)

    @property
    def uses_dt(self) -> bool:
        """Whether the time step acts on anything: layers that are not the input itself, or circuits."""
        layers = self.ordered[1:] if self.simulation.input_type == "state" else self.ordered
        circuits = any(c.params.mode != "fixed" for c in self.connections)
        return circuits or any(layer.params.timed for layer in layers)


def _leads_back(connections: Any) -> bool:
    """Whether any connection leads to an earlier layer; what is no connection at all is reported later."""
    if not isinstance(connections, (list, tuple)):
        return False
    ends = [
        (c.get("from_layer"), c.get("to_layer")) if isinstance(c, Mapping) else (c.from_layer, c.to_layer)
        for c in cast(list[Any], connections)
        if isinstance(c, (Mapping, Connection))
    ]
    numbers = [(whole(a), whole(b)) for a, b in ends]
    return any(isinstance(a, int) and isinstance(b, int) and b < a for a, b in numbers)


def _seed_on_top(tree: dict[str, Any]) -> dict[str, Any]:
    """Files of the original may have the seed among the settings of the simulation."""
    simulation = tree.get("simulation")
    if not isinstance(simulation, Mapping) or "seed" not in simulation:
        return tree
    settings = dict(cast(Mapping[str, Any], simulation))
    seed = settings.pop("seed")
    if seed is None:
        return tree | {"simulation": settings}
    if tree.get("seed") not in (None, seed):
        text = f"seed must be one number, but got {tree['seed']} and simulation.seed {seed}"
        raise contradictions([(("simulation", "seed"), text)])
    return tree | {"simulation": settings, "seed": seed}


def _following_feedback(tree: dict[str, Any]) -> dict[str, Any]:
    """The evaluation order of a circuit with feedback: step by step where the file does not say otherwise."""
    simulation = tree.get("simulation") or {}
    if isinstance(simulation, Simulation):
        simulation = simulation.model_dump(exclude_unset=True)
    if not isinstance(simulation, Mapping):
        return tree
    said = cast(Mapping[str, Any], simulation).get("network_evaluation_method")
    asked = quirks.understood(tree.get("compat"))
    if said is not None and "switch_method" not in asked:
        return tree
    # an unknown order is refused later, unless it becomes layerwise
    unknown = "layerwise" if "settings" in asked else None
    if isinstance(said, str) and METHODS.get(said.strip().lower(), unknown) != "layerwise":
        return tree
    if said is not None:
        warnings.warn(
            "compat `switch_method` evaluates a circuit with feedback by stepwise_gauss_seidel", stacklevel=2
        )
    return tree | {"simulation": {**simulation, "network_evaluation_method": "stepwise_gauss_seidel"}}


def _short(item: Frozen, *always: str) -> dict[str, Any]:
    tree = item.model_dump(mode="json", exclude_defaults=True)
    return {name: getattr(item, name) for name in always} | tree
