"""Simulates a circuit from arrays to arrays: what ``leyden soen simulate`` does."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leyden.spec.nearest import nearest

from .archive import Arrays, native, no_masks, unusable
from .build import build
from .connections import Wicc
from .old_names import modern
from .problems import CircuitError
from .rate_table import RateTable
from .saved import Saved

if TYPE_CHECKING:
    from .torch.network import Network
    from .torch.simulated import Simulated

DType = Literal["float32", "float64"]

#: what begins the name of an array that is put into a circuit
PREFIXES = ("param/", "mask/", "init/", "wicc_j_out/")


def simulate(
    saved: Saved,
    x: np.ndarray[Any, Any],
    parameters: Mapping[str, np.ndarray[Any, Any]] | None = None,
    *,
    dtype: DType = "float32",
    seed: int | None = None,
    table: RateTable | None = None,
) -> Arrays:
    """Histories of every layer, ``layer_<id>``: (batch, time + 1, nodes), and what the circuit records.

    Args:
        saved: The circuit, with the numbers of its file.
        x: Input, (batch, time, nodes of the first layer).
        parameters: ``param/<name in a state dictionary>``, ``mask/<connection>``, ``init/layer_<id>`` and
            ``wicc_j_out/<connection>``; other names are left alone, but those that are
            nearly one of these are refused.
        dtype: Precision.
        seed: Decides first values and noise.
        table: The rate table, before the one that belongs to the file.

    Raises:
        CircuitError: An array does not fit the circuit.
    """
    import torch

    given = {
        name: native(np.asarray(a)) for name, a in (parameters or {}).items() if name.startswith(PREFIXES)
    }
    x = native(np.asarray(x))
    problems = misspelt(parameters or ()) + unusable({"input": x, **given})
    problems += no_masks({name: a for name, a in given.items() if name.startswith("mask/")})
    if problems:
        raise CircuitError(problems, "the arrays")
    network = prepared(saved, given, dtype=dtype, seed=seed, table=table).eval()
    initial = {name: torch.from_numpy(array) for name, array in _under(given, "init/").items()}
    generator = torch.Generator().manual_seed(network.seed)
    before = generator.get_state()
    with torch.no_grad():
        simulated = network.simulate(torch.from_numpy(x), initial, generator)
    if seed is not None and torch.equal(generator.get_state(), before):
        with warnings.catch_warnings(action="ignore"):  # they were said
            other = prepared(saved, given, dtype=dtype, seed=seed ^ 1, table=table)
        own = network.state_dict()
        if all(torch.equal(own[name], tensor) for name, tensor in other.state_dict().items()):
            warnings.warn(f"the seed {seed} decides nothing: nothing is drawn", stacklevel=2)
    return arrays(simulated)


def misspelt(names: Iterable[str]) -> list[str]:
    """A sentence for each name that is nearly one of an array that is put into a circuit."""
    problems: list[str] = []
    for name in names:
        prefix, slash, rest = name.partition("/")
        if slash and not name.startswith(PREFIXES) and (near := nearest(prefix, (p[:-1] for p in PREFIXES))):
            problems.append(f"`{name}` is not used; did you mean `{near}/{rest}`?")
    return problems


def prepared(
    saved: Saved,
    given: Arrays,
    *,
    dtype: DType,
    seed: int | None = None,
    table: RateTable | None = None,
) -> Network:
    """The network of a file in a precision, with parameters and masks of ``given`` in place of its own."""
    import torch

    from .torch.restore import take

    network = build(_with_couplings(saved, _under(given, "wicc_j_out/")), seed=seed, table=table)
    # before numbers go in: they may have more digits than its own
    network = network.to(getattr(torch, dtype))
    masks = _under(given, "mask/")
    _refuse_unknown(masks, network.masks, "mask/")
    state = {name: torch.from_numpy(array) for name, array in _under(given, "param/").items()}
    state |= {f"masks.{key}": torch.from_numpy(np.asarray(mask) > 0) for key, mask in masks.items()}
    if state:
        whole = state if _under(given, "param/") else network.state_dict() | state
        take(network, whole, "the parameters", _called)
    return network


def _called(name: str) -> str:
    """The array that a name of the state dictionary is given as."""
    return f"mask/{name.removeprefix('masks.')}" if name.startswith("masks.") else f"param/{name}"


def arrays(simulated: Simulated) -> Arrays:
    """What a simulation returned as arrays: ``layer_<id>``, and what was recorded, e.g. ``phi/layer_1``."""
    found = {f"layer_{i}": h.detach().cpu().numpy() for i, h in simulated.histories.items()}
    for name, recorded in (("phi", simulated.phi), ("g", simulated.g), ("s", simulated.s)):
        found |= {f"{name}/layer_{i}": t.detach().cpu().numpy() for i, t in recorded.items()}
    for i, power in simulated.power.items():
        both = {"power": power.watts, "energy": power.joules}
        both["power_dimensionless"] = power.bias, power.dissipated
        both["energy_dimensionless"] = power.bias_energy, power.dissipated_energy
        for quantity, (bias, dissipated) in both.items():
            name, _, unit = quantity.partition("_")
            for kind, tensor in (("bias", bias), ("diss", dissipated)):
                key = "_".join(filter(None, (name, kind, unit)))
                found[f"{key}/layer_{i}"] = tensor.detach().cpu().numpy()
    return found


def _with_couplings(saved: Saved, given: Arrays) -> Saved:
    """The circuit with the collection couplings j_out of some connections replaced."""
    if not given:
        return saved
    _refuse_unknown(
        given, {c.key: None for c in saved.circuit.connections if c.params.mode == "WICC"}, "wicc_j_out/"
    )
    connections = list(saved.circuit.connections)
    for place, connection in enumerate(connections):
        settings = connection.params.connection_params
        if connection.key in given and isinstance(settings, Wicc):
            j_out, nodes = given[connection.key], saved.circuit.layer(connection.to_layer).params.dim
            if j_out.shape not in ((), (nodes,)):
                problem = f"wicc_j_out/{connection.key} must have shape ({nodes},), but got {j_out.shape}"
                raise CircuitError([problem], "the parameters")
            coupled = settings.model_copy(update={"j_out": [float(v) for v in np.broadcast_to(j_out, nodes)]})
            params = connection.params.model_copy(update={"connection_params": coupled})
            connections[place] = connection.model_copy(update={"params": params})
    return replace(saved, circuit=saved.circuit.model_copy(update={"connections": tuple(connections)}))


def _under(given: Mapping[str, np.ndarray[Any, Any]], prefix: str) -> Arrays:
    """The arrays whose names begin so, without that, under today's names."""
    return {modern(name.removeprefix(prefix)): a for name, a in given.items() if name.startswith(prefix)}


def _refuse_unknown(given: Arrays, known: Any, prefix: str) -> None:
    for key in given:
        if key not in known:
            names = ", ".join(sorted(known)) or "none"
            raise CircuitError(
                [f"{prefix}{key} belongs to no such connection; known: {names}"], "the parameters"
            )
