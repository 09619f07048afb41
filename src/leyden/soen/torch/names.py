"""State dictionaries under the names that the original's files have.

The original stores some tensors several times. A network stores each once; this file adds on saving what
belongs to the
names, and takes on loading what a file of the original or of an older version has under another name.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ..old_names import modern

#: what files of the original repeat or can be computed again
REPEATED = re.compile(r"layers\.\d+\.(internal_connectivity\.weight|core\.(mask_ih|mask_hh|eyeH))$")
TABLE = re.compile(r"\.g_table$")
TIME_STEP = re.compile(r"layers\.\d+\._dt$")
#: what files of the original never have; a network keeps its own
OPTIONAL = re.compile(r"masks\.|signs\.|rate_|dt$|layers\.\d+\.core\.bias_r_fixed$")


def install(network: nn.Module) -> None:
    """Give a network its names."""
    network.register_state_dict_post_hook(_added)
    network.register_load_state_dict_pre_hook(_taken)
    network.register_load_state_dict_post_hook(_followed)


def _followed(network: Any, _: Any) -> None:
    # a compiled program takes them as they are
    for connection in network.circuit.connections:
        network.ends_of(connection)


def _added(network: Any, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    dt = state[f"{prefix}dt"]
    if not network.circuit.simulation.dt_learnable:
        del state[f"{prefix}dt"]
    for i in range(len(network.layers)):
        state[f"{prefix}layers.{i}._dt"] = dt


def _taken(network: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    mine = {key.removeprefix(prefix): key for key in [*state] if key.startswith(prefix)}
    held: dict[str, Tensor] = {}
    for name, key in mine.items():
        held[modern(name)] = state.pop(key)
    steps = [held.pop(name) for name in [*held] if TIME_STEP.search(name)]
    tables = [held.pop(name) for name in [*held] if TABLE.search(name)]
    for name in [*held]:
        if REPEATED.search(name):
            del held[name]
    own = dict(network.named_parameters(remove_duplicate=False)) | dict(
        network.named_buffers(remove_duplicate=False)
    )
    if steps:
        held.setdefault("dt", steps[0])
    if tables and "rate_table" in own:
        held.setdefault("rate_table", tables[0].reshape(tables[0].shape[-2:]))
    if "rate_table" in held and "rate_table" in own and held["rate_table"].shape != own["rate_table"].shape:
        network.rate_table = torch.empty_like(held["rate_table"])
    for name, tensor in own.items():
        twin = next(
            (held[other] for other, shared in own.items() if shared is tensor and other in held), None
        )
        if twin is not None or OPTIONAL.match(name):
            held.setdefault(name, tensor if twin is None else twin)
    state.update({f"{prefix}{name}": tensor for name, tensor in held.items()})
