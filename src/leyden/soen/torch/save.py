"""Writes networks to model files of the original's formats."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..circuit import Circuit
from ..connections import Connection
from ..json_file import write_exported
from ..layers import Layer
from ..problems import CircuitError
from ..rate_table import RateTable
from ..saved import OURS, Saved
from ..whole_file import replaced
from .kinds.gated import LeakyGRU
from .layer import Connectivity
from .layer import Layer as Running
from .network import Network
from .noise import Levels

Part = TypeVar("Part", Layer, Connection)

#: names of ours that files of the original do not have
NOT_THEIRS = ("masks.", "signs.", "rate_")


def write(network: Network, path: Path) -> None:
    """Write a network, description and numbers, as `.soen`, `.pth` or `.json`; complete or not at all.

    Raises:
        CircuitError: Another ending, or the file cannot be written.
    """
    match path.suffix.lower():
        case ".soen" | ".pth":
            # into a stream, as torch would write the name of the file that is to vanish into the file
            with replaced(path) as beside, beside.open("wb") as stream:
                torch.save(_content(network), stream)
        case ".json":
            with replaced(path) as beside:
                write_exported(beside, _held(network), torch.__version__)
        case other:
            raise CircuitError([f"a model is written as .soen, .pth or .json, but got {other!r}"], "the file")


def _held(network: Network) -> Saved:
    state = {
        n: t.detach().cpu().numpy() for n, t in network.state_dict().items() if not n.startswith(NOT_THEIRS)
    }
    masks = {key: network.masks[key].float().cpu().numpy() for key in network.masks}
    return Saved(
        circuit=_described(network),
        state=state,
        masks=masks,
        metadata={"exported_at": _time()},
        carried=_table(network) if network.uses_table else None,
    )


def _table(network: Network) -> RateTable:
    rates, (first, last) = network.rate_table.detach().cpu().double().numpy(), network.rate_range.tolist()
    return RateTable(currents=np.linspace(first, last, len(rates)), rates=rates)


def _content(network: Network) -> dict[str, Any]:
    circuit = _described(network)
    k, state, own = circuit.simulation, _their_state(network), circuit.own()
    if network.uses_table:
        # the tensor that the state has as `g_table`, so that the file holds it once
        own["rate_table"] = {"range": network.rate_range.tolist(), "rates": network.rate_table.detach().cpu()}
    return {
        "state_dict": state,
        "sim_config": k.original(),
        "layers_config": [_layer(layer) for layer in circuit.ordered],
        "connections_config": [
            c.model_dump(mode="json") | {"params": _params(c)} for c in circuit.connections
        ],
        "connection_masks": {key: network.masks[key].float().cpu() for key in network.masks},
        "dt": network.dt.item(),
        "dt_learnable": k.dt_learnable,
        "model_type": "SOENModelCore",
        "metadata": {
            "save_timestamp": _time(),
            "model_hash": _digest(state),
            "total_parameters": sum(p.numel() for p in network.parameters()),
            "layer_types": [layer.layer_type for layer in circuit.ordered],
            "layer_dimensions": [layer.params.dim for layer in circuit.ordered],
        },
        OURS: own,
    }


def _described(network: Network) -> Circuit:
    """The circuit as it is now, with the noise and the time step that it was given since it was built."""
    circuit = network.circuit
    layers = [_as_set(layer, network.layer(layer.layer_id).levels) for layer in _spelt_out(network)]
    connections = [_as_set(c, network.levels[c.key]) for c in circuit.connections]
    simulation, dt = circuit.simulation, network.dt.item()
    if not simulation.dt_learnable and np.float32(simulation.dt) != np.float32(dt):
        simulation = simulation.model_copy(update={"dt": dt})
    changed = {"layers": tuple(layers), "connections": tuple(connections), "simulation": simulation}
    return circuit.model_copy(update=changed)


def _as_set(part: Part, levels: Levels) -> Part:
    return part if levels == Levels.of(part) else part.model_copy(update=levels.described())


def _spelt_out(network: Network) -> list[Layer]:
    """The layers with signs that were drawn or read from a file as lists: that file may be gone one day."""
    layers = list(network.circuit.layers)
    for place, layer in enumerate(layers):
        outgoing = [c.key for c in network.circuit.connections if c.from_layer == layer.layer_id]
        if layer.params.polarised and outgoing:
            signs = {
                "polarity": network.signs[outgoing[0]].tolist(),
                "polarity_file": None,
                "polarity_init": None,
            }
            layers[place] = layer.model_copy(update={"params": layer.params.model_copy(update=signs)})
    return layers


def _layer(layer: Layer) -> dict[str, Any]:
    params = {"dim": layer.params.dim} | layer.params.model_dump(mode="json", exclude_defaults=True)
    return layer.model_dump(mode="json") | {"params": params}


def _params(connection: Any) -> dict[str, Any]:
    return connection.params.model_dump(mode="json", exclude_none=True)


def _their_state(network: Network) -> dict[str, Tensor]:
    """The state dictionary with every repetition that a strict loading of the original looks for."""
    state = {n: t.detach().cpu() for n, t in network.state_dict().items() if not n.startswith(NOT_THEIRS)}
    table = network.rate_table.detach().cpu()[None, None] if network.uses_table else None
    for i, layer in enumerate(network.layers):
        assert isinstance(layer, Running)
        loop = getattr(layer, "connectivity", None)
        if isinstance(loop, Connectivity):
            state[f"layers.{i}.internal_connectivity.weight"] = loop.weight.detach().cpu()
        if getattr(layer.params, "source_func", None) == "RateArray" and table is not None:
            places = ("",) if layer.memoryless else ("", "_dynamics.", "_solver._dynamics.")
            state |= {f"layers.{i}.{place}_source_function.g_table": table for place in places}
        if isinstance(layer, LeakyGRU):
            state |= {f"layers.{i}.core.{n}": t for n, t in _gates(layer.params.dim).items()}
    return state


def _gates(width: int) -> dict[str, Tensor]:
    """Constants of a leaky GRU in files of the original: which block of the matrices is used."""
    used = torch.cat([torch.zeros(2 * width, width), torch.ones(width, width)])
    return {"mask_ih": used, "mask_hh": used.clone(), "eyeH": torch.eye(width)}


def _digest(state: dict[str, Tensor]) -> int:
    """A number that depends on the numbers alone, the same in every process."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name].numpy()).tobytes())
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def _time() -> str:
    return datetime.now(UTC).isoformat()
