"""A circuit together with the numbers it was saved with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
        carried: The rate table within the file.
        beside: The rate table that lies beside the file.
    """

    circuit: Circuit
    state: Arrays = field(default_factory=Arrays)
    masks: Arrays = field(default_factory=Arrays)
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    carried: RateTable | None = None
    beside: RateTable | None = None

    @property
    def table(self) -> RateTable | None:
        """The rate table that belongs to the circuit: carried in the file, else lying beside it."""
        return self.carried or self.beside
