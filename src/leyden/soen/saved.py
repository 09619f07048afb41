"""A circuit together with the numbers it was saved with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .circuit import Circuit

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """What a file holds. An architecture file has the circuit alone, a model file its numbers too.

    Args:
        circuit: The description.
        state: Tensors under the names of a state dictionary.
        masks: Mask of each connection, (to, from), by key.
        metadata: What else the file says about itself.
    """

    circuit: Circuit
    state: Arrays = field(default_factory=Arrays)
    masks: Arrays = field(default_factory=Arrays)
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def table(self) -> np.ndarray[Any, Any] | None:
        """The rate table that the file carries, (rows, columns)."""
        carried = next((a for name, a in self.state.items() if name.endswith("g_table")), None)
        return None if carried is None else carried.reshape(carried.shape[-2:])
