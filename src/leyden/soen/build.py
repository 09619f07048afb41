"""From a description or a file to a network that runs, and back to a file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import expect
from .circuit import Circuit
from .files import load
from .problems import CircuitError
from .rate_table import RateTable
from .saved import Saved

if TYPE_CHECKING:
    from .torch.network import Network


def build(
    circuit: Circuit | Saved | Mapping[str, Any] | str | Path,
    *,
    seed: int | None = None,
    table: RateTable | str | Path | None = None,
    exact: bool = True,
    compat: Any = None,
) -> Network:
    """A network that runs, a ``torch.nn.Module``.

    Args:
        circuit: A description, the content of a file, a plain tree, or the path of a file.
        seed: Decides all first values: a run's seed comes before the one a description has. Without either it
            is 0.
        table: The rate table, or its file; else the one that a model file carries or that lies beside the
            file as `rate_array.npz`, else the shipped one.
        exact: For model files: take over their numbers. Otherwise only their description is used and
            everything is drawn anew from the seed (`load_exact_model_state: false`).
        compat: Quirks of the original in addition to those the circuit asks for; for trees and files alone,
            because some act when a circuit is read.

    Raises:
        CircuitError: With every problem of the circuit or the file, or ``compat`` comes too late.
    """
    from .torch.restore import restored

    expect(circuit, (Circuit, Saved, Mapping, str, Path), "the circuit must be a Circuit, a tree or a file")
    expect(seed, (int, np.integer, type(None)), "seed must be a whole number")
    expect(table, (RateTable, str, Path, type(None)), "table must be a RateTable or its file")
    expect(exact, (bool,), "exact must be True or False")
    if compat and isinstance(circuit, Circuit | Saved):
        raise CircuitError(
            ["compat acts when a circuit is read; give it to soen.load or Circuit.read, not to build"]
        )
    if isinstance(circuit, Circuit):
        circuit = Saved(circuit=circuit)
    elif isinstance(circuit, (str, Path)):
        circuit = load(circuit, compat=compat)
    elif not isinstance(circuit, Saved):
        circuit = Saved(circuit=Circuit.read(circuit, compat=compat))
    if isinstance(table, (str, Path)):
        table = RateTable.read(table)
    if table is not None and not circuit.circuit.uses_table:
        warnings.warn("the rate table decides nothing: no source function looks one up", stacklevel=2)
    return restored(circuit, seed=seed, table=table, exact=exact)


def save(network: Network, path: str | Path) -> None:
    """Write a network, description and numbers, as `.soen`, `.pth` or `.json`; complete or not at all.

    Raises:
        CircuitError: Another ending, or the file cannot be written.
    """
    from .torch.network import Network
    from .torch.save import write

    expect(network, (Network,), "what is saved must be a network (write_description writes circuits)")
    expect(path, (str, Path), "the file must be named by a text or a Path")
    write(network, Path(path))


def explain(network: Network) -> str:
    """How each layer and connection of a network is computed, a line each, and why not faster.

    A sequence goes through the compiled kernel where it can, else through one torch operation, else step by
    step; all come to the same. ``LEYDEN_SOEN_WAY`` or ``leyden.soen.kernel.at_most`` takes a slower way.
    """
    from .kernel.explain import explained

    return explained(network)
