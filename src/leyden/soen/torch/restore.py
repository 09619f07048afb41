"""Builds a network with the numbers of a file."""

from __future__ import annotations

import numpy as np
import torch

from ..problems import CircuitError
from ..rate_table import RateTable
from ..saved import Saved
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
    network = Network(saved.circuit, seed=seed, table=table or saved.table)
    if not saved.state or not exact:
        return network
    state = {n: torch.from_numpy(np.array(a)) for n, a in saved.state.items() if not n.endswith("g_table")}
    state |= {f"masks.{key}": torch.from_numpy(np.array(mask) > 0) for key, mask in saved.masks.items()}
    if any(a.dtype == torch.float64 for a in state.values()):
        network.double()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CircuitError([f"the numbers do not fit the circuit: {error}"], "the model file") from None
    network.project()
    return network
