"""Model files in JSON, as the original exports and imports them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from .archive import Array
from .connections import Connection
from .frozen import Frozen
from .layers import Layer
from .model_file import Content, ModelFile, Own, checked, numbers
from .old_names import modern
from .problems import Where, nowhere
from .saved import OURS, Saved

FORMAT = "soen-json"


class ExportedConfig(Frozen):
    """The description of a layer."""

    type: Any
    params_config: dict[str, Any]
    model_id: Any = None
    description: Any = None


class ExportedLayer(Frozen):
    """A layer: its description and its numbers."""

    config: ExportedConfig
    noise: Any = None
    perturb: Any = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    buffers: dict[str, Any] = Field(default_factory=dict)


class ExportedConnection(Frozen):
    """The description of a connection."""

    source: Annotated[Any, Field(alias="from")]
    to: Any
    type: Any
    params_config: Any = None
    learnable: Any = None
    noise: Any = None
    perturb: Any = None


class ExportedConnections(Frozen):
    """The connections: descriptions, weights and masks by key; the joined matrices repeat them."""

    config: dict[str, ExportedConnection]
    matrices: dict[str, Any] = Field(default_factory=dict)
    masks: dict[str, Any] = Field(default_factory=dict)
    global_matrix: Any = None
    global_mask: Any = None


class Exported(ModelFile):
    """An exported model."""

    version: Any = None
    simulation: dict[str, Any] = Field(default_factory=dict)
    layers: dict[Annotated[str, Field(pattern=r"^layer_(0|[1-9]\d*)$")], ExportedLayer]
    connections: ExportedConnections

    @property
    def numbered(self) -> dict[int, ExportedLayer]:
        """The layers in the order of their numbers, which is the order of evaluation."""
        layers = {int(key.removeprefix("layer_")): layer for key, layer in self.layers.items()}
        return dict(sorted(layers.items()))


def is_exported(tree: Mapping[str, Any]) -> bool:
    """Whether a JSON tree has numbers, not a description alone."""
    connections = tree.get("connections")
    return isinstance(connections, Mapping) and ("config" in connections or "matrices" in connections)


def read_exported(tree: Mapping[str, Any], name: str, compat: Any = None, where: Where = nowhere) -> Saved:
    """The circuit and every number of an exported model. Layers go by their numbers, whatever their order.

    Args:
        tree: What the file holds.
        name: What to call it in messages.
        compat: Quirks of the original in addition to those the file asks for.
        where: Where in the file a key stands, for messages.

    Raises:
        CircuitError: With every problem of the file.
    """
    model = checked(Exported, tree, name, compat, where)
    connections, layers = model.connections, model.numbered
    dtype = (model.leyden or Own()).dtype
    state = {n: numbers(value, dtype) for n, value in _state(layers, connections)}
    saved = Content(
        name=name,
        entries=model,
        simulation=model.simulation,
        layers=[_layer(number, layer) for number, layer in layers.items()],
        connections=[_connection(c) for c in connections.config.values()],
        state=state,
        masks={modern(key): numbers(mask, "float32") for key, mask in connections.masks.items()},
        steps={n: a for n, a in state.items() if n == "dt" or n.endswith("._dt")},
        where=lambda path: where(_standing(path, [*layers], [*connections.config])),
    ).saved(compat)
    weights = {c.key: saved.state.get(f"connections.{c.key}") for c in saved.circuit.connections}
    for key, repeated, blocks in (
        ("matrices", connections.global_matrix, weights),
        ("masks", connections.global_mask, saved.masks),
    ):
        if repeated is not None and _differ(saved, numbers(repeated, dtype), blocks):
            problem = f"connections.{key} and the global matrix of the same differ; the former are taken"
            warnings.warn(f"{name}: {problem}", stacklevel=3)
    return saved


def _differ(saved: Saved, repeated: Array, blocks: Mapping[str, Array | None]) -> bool:
    """Whether a joined matrix is another than the blocks make, which are what counts."""
    nodes = sum(layer.params.dim for layer in saved.circuit.layers)
    # the shape first: there may not be the memory for as many nodes as a file claims
    return repeated.shape != (nodes, nodes) or not np.array_equal(repeated, _joined(saved, blocks))


def _layer(number: int, layer: ExportedLayer) -> dict[str, Any]:
    return {
        "layer_id": number,
        "layer_type": layer.config.type,
        "params": layer.config.params_config,
        "model_id": layer.config.model_id,
        "description": layer.config.description,
        "noise": layer.noise,
        "perturb": layer.perturb,
    }


def _connection(connection: ExportedConnection) -> dict[str, Any]:
    return {
        "from_layer": connection.source,
        "to_layer": connection.to,
        "connection_type": connection.type,
        "params": connection.params_config,
        "learnable": connection.learnable,
        "noise": connection.noise,
        "perturb": connection.perturb,
    }


#: keys of a circuit that stand elsewhere in a file
LAYER_KEYS = {
    "layer_type": ("config", "type"),
    "params": ("config", "params_config"),
    "model_id": ("config", "model_id"),
    "description": ("config", "description"),
}
CONNECTION_KEYS = {
    "from_layer": ("from",),
    "to_layer": ("to",),
    "connection_type": ("type",),
    "params": ("params_config",),
}


def _standing(path: tuple[Any, ...], layers: list[int], connections: list[str]) -> tuple[Any, ...]:
    """Where a key of the circuit stands in an exported model."""
    match path:
        case ("layers", int(place), *rest):
            return ("layers", f"layer_{layers[place]}", *_renamed(rest, LAYER_KEYS))
        case ("connections", int(place), *rest):
            return ("connections", "config", connections[place], *_renamed(rest, CONNECTION_KEYS))
        case _:
            return path


def _renamed(path: list[Any], names: Mapping[str, tuple[str, ...]]) -> tuple[Any, ...]:
    return (*names.get(path[0], path[:1]), *path[1:]) if path else ()


def _state(
    layers: Mapping[int, ExportedLayer], connections: ExportedConnections
) -> Iterator[tuple[str, Any]]:
    """Every number under its name in a state dictionary, which counts the layers."""
    for place, layer in enumerate(layers.values()):
        for name, value in {**layer.parameters, **layer.buffers}.items():
            yield modern(f"layers.{place}.{name}"), value
    for key, matrix in connections.matrices.items():
        yield modern(f"connections.{key}"), matrix


def write_exported(path: Path, saved: Saved, version: str) -> None:
    """Write an exported model.

    Args:
        path: The file.
        saved: Circuit, state and masks.
        version: Of the program whose numbers they are.
    """
    circuit, connections = saved.circuit, saved.circuit.connections
    weights = {c.key: saved.state[f"connections.{c.key}"] for c in connections}
    tree = {
        "version": "1.0",
        "metadata": {**saved.metadata, "format": FORMAT, "torch_version": version},
        "simulation": circuit.simulation.original(),
        "layers": {f"layer_{la.layer_id}": _numbered(la, i, saved) for i, la in enumerate(circuit.ordered)},
        "connections": {
            "config": {c.key: _written(c) for c in connections},
            "matrices": {key: weight.tolist() for key, weight in weights.items()},
            "masks": {c.key: saved.masks[c.key].tolist() for c in connections},
            "global_matrix": _joined(saved, weights).tolist(),
            "global_mask": _joined(saved, saved.masks).tolist(),
        },
        OURS: circuit.own() | _own(saved),
    }
    path.write_text(json.dumps(tree, indent=1), encoding="utf-8")


def _own(saved: Saved) -> dict[str, Any]:
    """The precision and the rate table, which exported models of the original do not have."""
    own: dict[str, Any] = {"dtype": str(np.result_type(np.float32, *saved.state.values()))}
    if saved.carried is not None:
        currents, rates = saved.carried.currents, saved.carried.rates
        own["rate_table"] = {"range": [currents[0], currents[-1]], "rates": rates.tolist()}
    return own


def _numbered(layer: Layer, place: int, saved: Saved) -> dict[str, Any]:
    """One layer with its numbers; ``place`` counts layers in the order of their numbers."""
    prefix = f"layers.{place}."
    named = {n.removeprefix(prefix): a for n, a in saved.state.items() if n.startswith(prefix)}
    return {
        "config": {
            "type": layer.layer_type,
            "params_config": {"dim": layer.params.dim} | layer.params.model_dump(exclude_defaults=True),
            "model_id": layer.model_id,
            "description": layer.description,
        },
        "noise": layer.noise.model_dump(),
        "perturb": layer.perturb.model_dump(),
        "parameters": {n: a.tolist() for n, a in named.items() if n != "_dt" and not n.endswith("g_table")},
        "buffers": {n: a.tolist() for n, a in named.items() if n == "_dt"},
    }


def _written(connection: Connection) -> dict[str, Any]:
    return {
        "from": connection.from_layer,
        "to": connection.to_layer,
        "type": connection.connection_type,
        "params_config": connection.params.model_dump(mode="json", exclude_none=True),
        "learnable": connection.learnable,
        "noise": connection.noise.model_dump(),
        "perturb": connection.perturb.model_dump(),
    }


def _joined(saved: Saved, blocks: Mapping[str, Array | None]) -> Array:
    """All connections as one matrix, targets by sources, layers in the order of their numbers."""
    widths = {layer.layer_id: layer.params.dim for layer in saved.circuit.ordered}
    starts, total = dict[int, int](), 0
    for number, width in widths.items():
        starts[number], total = total, total + width
    found = {key: block for key, block in blocks.items() if block is not None}
    joined = np.zeros((total, total), dtype=np.result_type(np.float32, *found.values()))
    for c in saved.circuit.connections:
        to, source, shape = (
            starts[c.to_layer],
            starts[c.from_layer],
            (widths[c.to_layer], widths[c.from_layer]),
        )
        if c.key in found and found[c.key].shape == shape:  # others are refused when the network is built
            joined[to : to + shape[0], source : source + shape[1]] = found[c.key]
    return joined
