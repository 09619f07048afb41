"""Says when source functions were asked for currents that the rate table does not have."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ..sources import SOURCES

if TYPE_CHECKING:
    from .network import Network


class OutOfRangeWarning(UserWarning):
    """A rate table was asked outside its range, where it gives zero."""


def warn_outside(network: Network, histories: Mapping[int, Tensor]) -> None:
    """Warn for each layer whose current left the table, unless the circuit says what holds there."""
    if network.circuit.simulation.out_of_range == "edge" or "quiet_range" in network.circuit.compat:
        return
    low, high = network.rate_range.tolist()
    for layer_id, history in histories.items():
        layer = network.layer(layer_id)
        met = layer.currents(history)
        name = getattr(layer.params, "source_func", None)
        if met is None or name is None or not SOURCES[name].table:
            continue
        smallest, largest = (float(m) for m in met)
        if smallest < low or largest > high:
            warnings.warn(
                f"layer {layer_id} met currents from {smallest:.3g} to {largest:.3g}, but the rate table has {low:.3g} to "
                f"{high:.3g} and gives 0 outside; write out_of_range: edge, or keep bias and states within",
                OutOfRangeWarning,
                stacklevel=4,
            )
