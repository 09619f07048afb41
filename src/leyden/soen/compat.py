"""Quirks of the original simulator that a circuit can ask for, item by item.

``compat: soen`` asks for all of them; a list names some. Without it the mended behaviour applies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .frozen import one_of

#: item -> what it brings back
ITEMS = {
    "keys": "unknown keys are dropped with one warning instead of refused; `source_func_type` is one of them",
    "settings": "numbers of early stopping are clamped, unknown evaluation orders become layerwise, unknown "
    "nonlinearities of kaiming initialisers have gain 1; values outside the box of their layer, below the "
    "range of a logarithm or no time constants are moved there; of two polarities the first is taken, and "
    "learnable_params comes before learnable",
    "learnable": "`learnable: false` is ignored for parameters and self connections, not `learnable_params`",
    "double_phi_noise": "layerwise evaluation adds noise and perturbation of the flux twice, stepwise once",
    "linear_noise": "noise on the state of a Linear layer acts on its initial state alone",
    "noisy_masks": "noise on weights reaches those that do not exist",
    "unused_noise": "noise on what a layer or connection does not have is dropped with a warning",
    "perturb_each_step": "stepwise evaluation draws perturbations anew at every step, not once a forward",
    "noisy_multipliers": "noise makes WICC and NOCC connections plain products in layerwise evaluation",
    "restarted_cells": "stepwise evaluation restarts recurrent cells at every step from what they show, "
    "noise included; the cell state of an LSTM is forgotten",
    "quiet_range": "a rate table asked outside its range gives 0 without a warning",
    "switch_method": "layerwise evaluation of feedback becomes stepwise_gauss_seidel with a warning",
    "unused_connections": "self connections where none acts, and connections into an input layer, are kept",
    "fit_input": "inputs with too few channels are padded with zeros, inputs with too many are cut",
    "first_state": "layerwise evaluation ignores initial states of a driven first layer and of a Readout; "
    "stepwise evaluation shows the flux of the initial states at the front of later layers of type Input",
    "pool_initial": "pooling `none` keeps the initial state in front of the steps",
}

EVERYTHING = frozenset(ITEMS)

#: items without which some files of the original cannot be read at all
UNUSED = frozenset({"keys", "settings", "switch_method", "unused_connections", "unused_noise"})


def items(value: Any) -> frozenset[str]:
    """The items that ``compat`` asks for: ``"soen"`` for all, else a list of their names."""
    if value == "soen":
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(
            f"compat must be `soen` or a list of items, but got {value!r}; items: {', '.join(ITEMS)}"
        )
    names = frozenset(str(name) for name in value)
    for name in names:
        one_of(name, ITEMS | {"soen": "all of them"}, "an item of compat")
    return EVERYTHING if "soen" in names else names


def understood(value: Any) -> frozenset[str]:
    """The items that a description asks for; none where it does so wrongly, which is refused later."""
    try:
        return items(value or ())
    except ValueError:
        return frozenset()
