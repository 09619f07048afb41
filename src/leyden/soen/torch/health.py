"""Says when a simulation left the ground on which its numbers mean something."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ..circuit import Circuit
from ..layers import LayerParams, SingleDendrite
from ..sources import SOURCES

if TYPE_CHECKING:
    from .network import Network


class OutOfRangeWarning(UserWarning):
    """A rate table was asked outside its range, where it gives zero."""


class UnstableWarning(UserWarning):
    """A time step is too long for a leak, so that states grow without bound."""


class UnrecordedWarning(UserWarning):
    """Something is to be recorded that a layer does not have."""


class UntrainedWarning(UserWarning):
    """Something is to be trained that nothing depends on."""


def has_power(params: LayerParams) -> bool:
    """Whether power and energy of a layer can be told: of dendrites, whose states are what they show."""
    return type(params) is SingleDendrite


def warn_unrecorded(circuit: Circuit) -> None:
    """Warn where power is to be recorded of layers with a bias current that are no dendrites."""
    if not circuit.simulation.track_power:
        return
    without = [
        f"{layer.layer_id} ({layer.layer_type})"
        for layer in circuit.ordered
        if "bias_current" in layer.params.rules() and not has_power(layer.params)
    ]
    if without:
        warnings.warn(
            f"track_power knows SingleDendrite layers only, so there is none of layer {', '.join(without)}",
            UnrecordedWarning,
            stacklevel=4,
        )


def warn_untrained(circuit: Circuit) -> None:
    """Warn where the time step is to be trained, but nothing takes steps of that length."""
    if circuit.simulation.dt_learnable and not circuit.uses_dt:
        warnings.warn(
            "dt_learnable trains nothing: no dendrite, multiplier, soma or connection with circuits is there",
            UntrainedWarning,
            stacklevel=4,
        )


def warn_outside(network: Network, histories: Mapping[int, Tensor]) -> None:
    """Warn for each layer whose current left the rate table, unless the circuit says what holds there."""
    silent = network.circuit.simulation.out_of_range == "edge" or "quiet_range" in network.circuit.compat
    if silent or not network.uses_table:
        return
    low, high = network.rate_range.tolist()
    for layer_id, history in histories.items():
        layer = network.layer(layer_id)
        met = layer.currents(history)
        name = getattr(layer.params, "source_func", None)
        if met is None or name is None or not SOURCES[name].table:
            continue
        smallest, largest = (float(m.detach()) for m in met)
        if smallest < low or largest > high:
            warnings.warn(
                f"layer {layer_id} met currents from {smallest:.3g} to {largest:.3g}, but the rate table has "
                f"{low:.3g} to {high:.3g} and gives 0 outside; write out_of_range: edge, or stay within",
                OutOfRangeWarning,
                stacklevel=4,
            )


def warn_unstable(network: Network) -> None:
    """Warn for each layer whose leak overshoots in one step: forward Euler needs dt gamma_minus below 2."""
    for layer in network.ordered:
        if "gamma_minus" not in layer.params.rules():
            continue
        largest = layer.held("gamma_minus").detach().amax()  # it is stored as its logarithm
        step = float(network.dt.detach() * largest.exp())
        if step >= 2.0:
            warnings.warn(
                f"layer {layer.layer_id}: dt gamma_minus is {step:.3g}, which explodes from 2 on; shorten dt",
                UnstableWarning,
                stacklevel=4,
            )
