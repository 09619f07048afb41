"""A circuit together with the numbers it was saved with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .archive import Arrays
from .circuit import Circuit
from .rate_table import RateTable

#: key under which model files have what the original does not know; in files of the original it is missing
OURS = "leyden"


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """What a file holds. An architecture file has the circuit alone, a model file its numbers too.

    Args:
        circuit: The description.
        state: Tensors under the names of a state dictionary.
        masks: Mask of each connection, (to, from), by key.
        metadata: What else the file says about itself.
        beside: The rate table that lies beside the file.
    """

    circuit: Circuit
    state: Arrays = field(default_factory=Arrays)
    masks: Arrays = field(default_factory=Arrays)
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    beside: RateTable | None = None

    @property
    def table(self) -> RateTable | None:
        """The rate table that belongs to the circuit: carried in the file, else lying beside it."""
        carried = next((a for name, a in self.state.items() if name.endswith("g_table")), None)
        if carried is None:
            return self.beside
        # a model file has no currents beside its table; they are 0.95 to 2.5 in all of them
        rates = carried.reshape(carried.shape[-2:]).astype(np.float64)
        rows = np.linspace(0.95, 2.5, rates.shape[0])
        return RateTable(currents=rows, rates=rates, origin="carried by the model file")
