"""Model files in JSON, as the original exports and imports them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from .archive import Arrays
from .circuit import Circuit
from .connections import Connection
from .layers import Layer
from .old_names import modern
from .problems import CircuitError
from .saved import OURS, Saved

FORMAT = "soen-json"


def is_exported(tree: Mapping[str, Any]) -> bool:
    """Whether a JSON tree has numbers, not a description alone."""
    connections = tree.get("connections")
    return isinstance(connections, Mapping) and ("config" in connections or "matrices" in connections)


def read_exported(tree: Mapping[str, Any], name: str, compat: Any = None) -> Saved:
    """The circuit and every number of an exported model. Layers go by their numbers, whatever their order.

    Raises:
        CircuitError: The tree is no exported model.
    """
    try:
        layers = {int(key.removeprefix("layer_")): entry for key, entry in tree["layers"].items()}
        connections = cast(Mapping[str, Any], tree["connections"])
        described = {
            **tree.get(OURS, {}),
            "simulation": {**tree.get("simulation", {}), **tree.get(OURS, {}).get("simulation", {})},
            "layers": [_layer(i, entry) for i, entry in layers.items()],
            "connections": [_connection(entry) for entry in connections["config"].values()],
        }
        state = _state(layers, connections)
        masks = {
            modern(key): np.asarray(mask, dtype=np.float32)
            for key, mask in connections.get("masks", {}).items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CircuitError([f"{name} is no exported model: {error!r}"], "the file") from None
    read_circuit = Circuit.read if OURS in tree else Circuit.salvage
    circuit = read_circuit(described, name, compat)
    return Saved(circuit=circuit, state=state, masks=masks, metadata=dict(tree.get("metadata", {})))


def _layer(number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    config = entry["config"]
    return {
        "layer_id": number,
        "layer_type": config["type"],
        "params": config["params_config"],
        "model_id": config.get("model_id", 0),
        "description": config.get("description", ""),
        "noise": entry.get("noise") or {},
        "perturb": entry.get("perturb") or {},
    }


def _connection(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from_layer": entry["from"],
        "to_layer": entry["to"],
        "connection_type": entry["type"],
        "params": entry.get("params_config"),
        "learnable": entry.get("learnable", True),
        "noise": entry.get("noise") or {},
        "perturb": entry.get("perturb") or {},
    }


def _state(layers: Mapping[int, Mapping[str, Any]], connections: Mapping[str, Any]) -> Arrays:
    state: Arrays = {}
    for place, number in enumerate(sorted(layers)):
        for block in ("parameters", "buffers"):
            for name, value in layers[number].get(block, {}).items():
                state[modern(f"layers.{place}.{name}")] = np.asarray(value, dtype=np.float32)
    for key, matrix in connections.get("matrices", {}).items():
        state[modern(f"connections.{key}")] = np.asarray(matrix, dtype=np.float32)
    return state


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
        OURS: circuit.own(),
    }
    path.write_text(json.dumps(tree, indent=1), encoding="utf-8")


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


def _joined(saved: Saved, blocks: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """All connections as one matrix, targets by sources, layers in the order of their numbers."""
    widths = {layer.layer_id: layer.params.dim for layer in saved.circuit.ordered}
    starts, total = dict[int, int](), 0
    for number, width in widths.items():
        starts[number], total = total, total + width
    joined = np.zeros((total, total), dtype=np.float32)
    for c in saved.circuit.connections:
        to, source = starts[c.to_layer], starts[c.from_layer]
        joined[to : to + widths[c.to_layer], source : source + widths[c.from_layer]] = blocks[c.key]
    return joined
