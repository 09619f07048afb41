"""From a history of states to one value a node: what a readout over time sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..frozen import one_of
from ..problems import CircuitError

#: method -> its settings and their defaults
METHODS: dict[str, dict[str, float | int | None]] = {
    "max": {},
    "mean": {},
    "rms": {},
    "final": {},
    "mean_last_n": {"n": 1},
    "mean_range": {"range_start": None, "range_end": None},
    "ewa": {"min_weight": 0.2},
    "none": {},
}


def _counts(value: Any, first: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= first


#: setting -> its rule, and whether a value keeps it
RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "n": ("a whole number from 1 on", _counts),
    "range_start": ("a whole number from 0 on", lambda value: _counts(value, 0)),
    "range_end": ("a whole number from 1 on", _counts),
    "min_weight": ("above 0 and up to 1", lambda value: isinstance(value, float | int) and 0 < value <= 1),
}
#: steps that `mean_range` takes from the end where no range is given
LAST = 50


def pool(
    history: Tensor,
    method: str = "max",
    *,
    scale: float | Tensor = 1.0,
    keep_initial: bool = False,
    **settings: Any,
) -> Tensor:
    """Pool over time, the initial state left out.

    Args:
        history: (batch, time + 1, nodes), the initial state first.
        method: `max`, `mean`, `rms`, `final`, `mean_last_n`, `mean_range`, `ewa` (weights that fall
            exponentially towards the past) or `none` (all steps).
        scale: Factor of the result.
        keep_initial: Whether `none` keeps the initial state, as the original does.
        **settings: Of `mean_last_n`: `n` (1), its steps, or all where there are fewer. Of `mean_range`:
            `range_start`, the first step, and `range_end`, the step after the last one; steps that there are
            not are left out, at least one is taken, and the last 50 where neither is given. Of `ewa`:
            `min_weight` (0.2), above 0 and up to 1, the weight of the first step, the last one having 1.

    Returns:
        (batch, nodes); for `none` (batch, time, nodes).

    Raises:
        ValueError: The method is unknown, it has no such setting, or the setting cannot be followed.
    """
    given = _settings(method, settings)
    if method == "none":
        return (history if keep_initial else history[:, 1:]) * scale
    x = history[:, 1:]
    match method:
        case "max":
            pooled = x.amax(1)
        case "mean":
            pooled = x.mean(1)
        case "rms":
            pooled = torch.sqrt((x * x).mean(1) + 1e-8)
        case "final":
            pooled = x[:, -1]
        case "mean_last_n":
            pooled = x[:, -min(given["n"], x.shape[1]) :].mean(1)
        case "mean_range":
            pooled = _range(x, given["range_start"], given["range_end"]).mean(1)
        case _:
            pooled = (x * _fading(x, given["min_weight"])).sum(1)
    return pooled * scale


def _settings(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a method, from what was given and its defaults."""
    known = one_of(method, METHODS, "the pooling method")
    problems: list[str] = []
    for name, value in given.items():
        rule, right = RULES.get(name, ("", None))
        if name not in known:
            names = ", ".join(known) or "none"
            problems.append(f"{method} has no setting {name}; its settings: {names}")
        elif value is not None and right is not None and not right(value):
            problems.append(f"{name} must be {rule}, but got {value!r}")
    start, end = given.get("range_start"), given.get("range_end")
    if not problems and start is not None and end is not None and start >= end:
        problems.append(f"range_start must be below range_end, but got {start} and {end}")
    if problems:
        raise CircuitError(problems, "the pooling")
    return known | {name: value for name, value in given.items() if value is not None}


def pool_tokens(history: Tensor, steps: int, method: str = "final", *, n: int | None = None) -> Tensor:
    """Pool within each token of a sequence: ``steps`` time steps make a token, an incomplete last one is cut.

    Args:
        history: (batch, time + 1, nodes), the initial state first.
        steps: Time steps of a token.
        method: `final`, `mean`, `max` or `mean_last_n`.
        n: Steps of `mean_last_n`, 2 where absent, or all where there are fewer.

    Returns:
        (batch, tokens, nodes).

    Raises:
        ValueError: The method is unknown, or has no ``n``, or a number is below 1.
    """
    one_of(method, dict.fromkeys(("final", "mean", "max", "mean_last_n")), "the pooling method within tokens")
    _settings(method, {} if n is None else {"n": n})
    if not _counts(steps):
        raise CircuitError([f"steps must be a whole number from 1 on, but got {steps!r}"], "the pooling")
    x = history[:, 1:]
    tokens = x.shape[1] // steps
    x = x[:, : tokens * steps].unflatten(1, (tokens, steps))
    if method == "max":
        return x.amax(2)
    last = {"final": 1, "mean": steps}.get(method, min(n or 2, steps))
    return x[:, :, -last:].mean(2)


def _range(x: Tensor, start: int | None, end: int | None) -> Tensor:
    steps = x.shape[1]
    last = steps if end is None else min(end, steps)
    first = max(0, last - LAST) if start is None else min(start, last - 1)
    return x[:, first:last]


def _fading(x: Tensor, min_weight: float) -> Tensor:
    """Weights of a mean that favours late steps, (time, 1), in the precision of ``x``."""
    age = 1.0 - torch.linspace(0.0, 1.0, x.shape[1], dtype=x.dtype, device=x.device)
    weights = max(min_weight, 1e-6) ** age
    return (weights / weights.sum()).unsqueeze(1)
