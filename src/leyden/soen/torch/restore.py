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
        table: The rate table, above the one that the file carries.
        exact: Whether a model file's numbers are taken over; otherwise only its description is.
    """
    if not saved.state or not exact:
        return Network(saved.circuit, seed=seed, table=table)
    carried = saved.table
    if table is None and carried is not None:
        # the file has no currents beside its table; the original's are 0.95 to 2.5 in all of them
        rows = np.linspace(0.95, 2.5, carried.shape[0])
        table = RateTable(currents=rows, rates=carried.astype(np.float64), origin="carried by a model file")
    network = Network(saved.circuit, seed=seed, table=table)
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
