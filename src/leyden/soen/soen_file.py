"""Model files of the original, `.soen` and `.pth`: a zip of a pickle and its storages, read as plain data."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from .circuit import Circuit
from .old_names import modern
from .plain_pickle import read
from .problems import CircuitError
from .saved import OURS, Saved

NEEDED = ("state_dict", "sim_config", "layers_config", "connections_config")


def read_soen(path: Path, compat: Any = None) -> Saved:
    """The circuit and every number of a model file.

    Raises:
        CircuitError: The file is no model file, or wants more than plain data; nothing of it is executed.
    """
    held = _unzipped(path) if zipfile.is_zipfile(path) else read(path.read_bytes(), str(path))
    if not isinstance(held, Mapping) or any(key not in held for key in NEEDED):
        raise CircuitError(
            [f"{path} must hold {', '.join(NEEDED)}; save it again with the program it comes from"],
            "the file",
        )
    tree = cast(Mapping[str, Any], held)
    ours = dict(tree.get(OURS) or {})
    simulation = dict(tree["sim_config"]) | dict(ours.pop("simulation", {}))
    if isinstance(tree.get("dt"), float | int) and not simulation.get("dt_learnable"):
        simulation["dt"] = tree["dt"]
    layers, connections = _plain(tree["layers_config"]), _plain(tree["connections_config"])
    read_circuit = Circuit.read if OURS in tree else Circuit.salvage
    circuit = read_circuit(
        {**ours, "simulation": simulation, "layers": layers, "connections": connections}, str(path), compat
    )
    return Saved(
        circuit=circuit,
        state={modern(name): np.asarray(value) for name, value in tree["state_dict"].items()},
        masks={modern(key): np.asarray(mask) for key, mask in (tree.get("connection_masks") or {}).items()},
        metadata=dict(tree.get("metadata") or {}),
    )


def _unzipped(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        entries = {
            name.partition("/")[2]: info for name, info in ((i.filename, i) for i in archive.infolist())
        }
        if "data.pkl" not in entries:
            raise CircuitError([f"{path} has no data.pkl, so it is no model file"], "the file")
        if any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
            raise CircuitError([f"{path} is compressed, which model files never are"], "the file")
        storages = {
            name.removeprefix("data/"): archive.read(i)
            for name, i in entries.items()
            if name.startswith("data/")
        }
        return read(archive.read(entries["data.pkl"]), str(path), storages)


def _plain(value: Any) -> Any:
    """Settings without arrays: what a run left in them as a tensor becomes a list."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in cast(Mapping[str, Any], value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast(list[Any], value)]
    return value
