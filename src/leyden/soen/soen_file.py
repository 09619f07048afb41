"""Model files of the original, `.soen` and `.pth`: a zip of a pickle and its storages, read as plain data."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import Field

from .model_file import Content, ModelFile, checked, numbers
from .old_names import modern
from .plain_pickle import read
from .problems import CircuitError
from .saved import Saved

NEEDED = ("state_dict", "sim_config", "layers_config", "connections_config")


class Pickled(ModelFile):
    """What the pickle of a model file holds, under the names of the original.

    Args:
        state_dict: Every number.
        sim_config: Settings of the simulation.
        layers_config: The layers.
        connections_config: The connections.
        connection_masks: Mask of each connection.
        dt: The time step.
        dt_learnable: Whether it is trained; told again in `sim_config`, where it counts.
        model_type: The class that it was.
    """

    state_dict: dict[str, Any]
    sim_config: dict[str, Any]
    layers_config: list[Any]
    connections_config: list[Any]
    connection_masks: dict[str, Any] = Field(default_factory=dict)
    dt: Any = None
    dt_learnable: Any = None
    model_type: Any = None


def read_soen(path: Path, compat: Any = None) -> Saved:
    """The circuit and every number of a model file.

    Raises:
        CircuitError: The file is no model file, or wants more than plain data; nothing of it is executed.
    """
    held = _unpickled(path)
    if not isinstance(held, Mapping) or any(key not in held for key in NEEDED):
        raise CircuitError(
            [f"{path} must hold {', '.join(NEEDED)}; save it again with the program it comes from"],
            "the file",
        )
    model = checked(Pickled, cast(Mapping[str, Any], held), str(path), compat)
    state = {modern(name): numbers(value) for name, value in model.state_dict.items()}
    learnable = {} if model.dt_learnable is None else {"dt_learnable": model.dt_learnable}
    saved = Content(
        name=str(path),
        entries=model,
        simulation=learnable | _plain(model.sim_config),
        layers=_plain(model.layers_config),
        connections=_plain(model.connections_config),
        state=state,
        masks={modern(key): numbers(mask) for key, mask in model.connection_masks.items()},
        steps={n: a for n, a in state.items() if n == "dt" or n.endswith("._dt")} | {"dt itself": model.dt},
    ).saved(compat)
    if model.dt_learnable not in (None, saved.circuit.simulation.dt_learnable):
        problem = f"dt_learnable is {model.dt_learnable}, but sim_config says otherwise; write the same twice"
        raise CircuitError([problem], str(path))
    return saved


def _unpickled(path: Path) -> Any:
    try:
        pickled, storages = _parts(path) if zipfile.is_zipfile(path) else (path.read_bytes(), {})
    except (CircuitError, OSError):
        raise
    except Exception as error:
        # a damaged archive can fail in any way; whatever it was, the file cannot be used
        raise CircuitError([f"{path} is damaged ({error}); save or copy it again"], "the file") from None
    return read(pickled, str(path), storages)


def _parts(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """The pickle of an archive, and its storages by key."""
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
        return archive.read(entries["data.pkl"]), storages


def _plain(value: Any) -> Any:
    """Settings without arrays: what a run left in them as a tensor becomes a list."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in cast(Mapping[str, Any], value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast(list[Any], value)]
    return value
