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
    "learnable": "`learnable: false` is ignored for parameters and self connections, not `learnable_params`",
    "double_phi_noise": "layerwise evaluation adds noise and perturbation of the flux twice, stepwise once",
    "perturb_each_step": "stepwise evaluation draws perturbations anew at every step, not once a forward",
    "noisy_multipliers": "noise makes WICC and NOCC connections plain products in layerwise evaluation",
    "lstm_cell_reset": "stepwise evaluation forgets the cell state of an LSTM at every step",
    "quiet_range": "a rate table asked outside its range gives 0 without a warning",
    "switch_method": "layerwise evaluation of feedback becomes stepwise_gauss_seidel with a warning",
    "unused_connections": "self connections where none acts, and connections into an input layer, are kept",
    "fit_input": "inputs with too few channels are padded with zeros, inputs with too many are cut",
    "first_state": "layerwise evaluation ignores an initial state of the input layer",
    "pool_initial": "pooling `none` keeps the initial state in front of the steps",
}

EVERYTHING = frozenset(ITEMS)

#: items without which some files of the original cannot be read at all
UNUSED = frozenset({"keys", "switch_method", "unused_connections"})


def items(value: Any) -> frozenset[str]:
    """The items that ``compat`` asks for: ``"soen"`` for all, else a list of their names."""
    if value == "soen":
        return EVERYTHING
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(
            f"compat must be `soen` or a list of items, but got {value!r}; items: {', '.join(ITEMS)}"
        )
    names = frozenset(str(name) for name in value)
    for name in names:
        one_of(name, ITEMS, "an item of compat")
    return names
