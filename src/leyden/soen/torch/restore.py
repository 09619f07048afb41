"""Builds a network with the numbers of a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from leyden.spec.nearest import nearest

from ..archive import Array
from ..connections import Connection
from ..patterns import Dense
from ..problems import CircuitError
from ..rate_table import RateTable
from ..saved import Saved
from .draws import Drawn, signs
from .network import Network


def restored(saved: Saved, *, seed: int | None, table: RateTable | None, exact: bool) -> Network:
    """A network from what a file holds.

    Args:
        saved: The file.
        seed: Decides all first values.
        table: The rate table, before the one that belongs to the file.
        exact: Whether a model file's numbers are taken over; otherwise only its description is.

    Raises:
        CircuitError: The numbers do not fit the circuit.
    """
    table = table or saved.table
    if not saved.state or not exact:
        return Network(saved.circuit, seed=seed, table=table)
    network = Network(saved.circuit, seed=seed, table=table, drawn=_held(saved))
    state = {n: torch.from_numpy(np.array(a)) for n, a in saved.state.items() if not n.endswith("g_table")}
    state |= {f"masks.{key}": torch.from_numpy(np.array(mask) > 0) for key, mask in saved.masks.items()}
    if any(a.dtype == torch.float64 for a in state.values()):
        network.double()
    take(network, state, "the model file")
    return network


def take(
    network: Network, state: Mapping[str, Tensor], where: str, called: Callable[[str], str] = str
) -> None:
    """Give a network its numbers.

    Args:
        network: Has all these numbers afterwards, or none that can be used.
        state: Tensors under the names of its state dictionary.
        where: Where they are from, in words.
        called: What a name is called there.

    Raises:
        CircuitError: Some are missing, some belong to nothing, or a shape differs.
    """
    own = network.state_dict()
    problems = [
        f"{called(name)} must have shape {tuple(own[name].shape)}, but got {tuple(tensor.shape)}"
        for name, tensor in state.items()
        if name in own and name != "rate_table" and tensor.shape != own[name].shape
    ]
    if not problems:
        try:
            missing, unknown = network.load_state_dict(state, strict=False)
        except RuntimeError as error:  # an older name with another shape
            raise CircuitError([f"the numbers do not fit the circuit: {error}"], where) from None
        for name in unknown:
            near = nearest(name, missing or own)
            hint = f"; did you mean `{called(near)}`?" if near else ""
            problems.append(f"the circuit has no {called(name)}{hint}")
        if missing:
            problems.append(f"the circuit also needs {', '.join(map(called, missing))}")
    if problems:
        raise CircuitError(problems, where)
    network.project()


def _held(saved: Saved) -> dict[str, Drawn]:
    """Masks and weights of a model file; files that its description names need not be there any more."""
    places = {layer.layer_id: n for n, layer in enumerate(saved.circuit.ordered)}
    weights = {c.key: _weight(saved, c, places[c.to_layer]) for c in saved.circuit.connections}
    problems = [text for c in saved.circuit.connections for text in _misfits(saved, c, weights[c.key])]
    if problems:
        raise CircuitError(problems, "the model file")
    _warn_unmasked(saved)
    return {
        c.key: Drawn(
            weight=torch.from_numpy(np.array(weights[c.key])),
            mask=torch.from_numpy(saved.masks.get(c.key, np.ones(_shape(saved, c))) > 0),
            signs=_signs(saved, c.from_layer, weights),
        )
        for c in saved.circuit.connections
    }


def _shape(saved: Saved, connection: Connection) -> tuple[int, int]:
    ends = saved.circuit.layer(connection.to_layer), saved.circuit.layer(connection.from_layer)
    return ends[0].params.dim, ends[1].params.dim


def _misfits(saved: Saved, connection: Connection, weight: Array | None) -> Iterator[str]:
    """What is wrong with the numbers of a connection."""
    key, shape = connection.key, _shape(saved, connection)
    mask = saved.masks.get(key)
    if weight is None or weight.shape != shape:
        found = "nothing" if weight is None else weight.shape
        yield f"connections.{key} must have shape {shape}, but got {found}"
    if mask is None:
        return
    if mask.shape != shape:
        yield f"the mask of {key} must have shape {shape}, but got {mask.shape}"
    elif not np.isin(mask, (0, 1)).all():
        yield f"the mask of {key} must hold zeros and ones, but got {mask[~np.isin(mask, (0, 1))][0]:g}"


def _warn_unmasked(saved: Saved) -> None:
    """Say which masks are missing, unless the description has every weight anyway."""
    unmasked = [
        c.key
        for c in saved.circuit.connections
        if c.key not in saved.masks
        and not (isinstance(c.params.structure.pattern, Dense) and c.params.allow_self_connections)
    ]
    if unmasked:
        warnings.warn(
            f"the model file has no mask of {', '.join(unmasked)}; all of their weights are taken to exist",
            stacklevel=4,
        )


def _weight(saved: Saved, connection: Connection, place: int) -> Array | None:
    """The weights of a connection; older files have those of a self connection with its layer alone."""
    own = saved.state.get(f"layers.{place}.connectivity.weight") if connection.internal else None
    return saved.state.get(f"connections.{connection.key}", own)


def _signs(saved: Saved, layer_id: int, weights: Mapping[str, Array | None]) -> Tensor | None:
    """The signs of a layer's nodes; where the file does not tell, those that its weights have kept."""
    layer = saved.circuit.layer(layer_id)
    if layer.params.told:
        return signs([layer], 0).get(layer_id)
    leaving = [weights[c.key] for c in saved.circuit.connections if c.from_layer == layer_id]
    rows = np.concatenate([w for w in leaving if w is not None])
    found = (rows >= 0).all(0).astype(np.int64) - (rows <= 0).all(0).astype(np.int64)
    return torch.from_numpy(found)
