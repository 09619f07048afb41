"""From a history of states to one value a node: what a readout over time sees."""

from __future__ import annotations

import torch
from torch import Tensor

from ..frozen import one_of

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
#: steps that `mean_range` takes from the end where no range is given
LAST = 50


def pool(
    history: Tensor,
    method: str = "max",
    *,
    scale: float | Tensor = 1.0,
    n: int = 1,
    range_start: int | None = None,
    range_end: int | None = None,
    min_weight: float = 0.2,
    keep_initial: bool = False,
) -> Tensor:
    """Pool over time, the initial state left out.

    Args:
        history: (batch, time + 1, nodes), the initial state first.
        method: `max`, `mean`, `rms`, `final`, `mean_last_n`, `mean_range`, `ewa` (weights that fall
            exponentially towards the
            past) or `none` (all steps).
        scale: Factor of the result.
        n: Steps of `mean_last_n`.
        range_start: First step of `mean_range`; the last 50 steps where absent.
        range_end: Step after the last one of `mean_range`.
        min_weight: Weight of the first step of `ewa`, the last one having 1.
        keep_initial: Whether `none` keeps the initial state, as the original does.

    Returns:
        (batch, nodes); for `none` (batch, time, nodes).

    Raises:
        ValueError: The method is unknown.
    """
    one_of(method, METHODS, "the pooling method")
    if method == "none":
        return (history if keep_initial else history[:, 1:]) * scale
    x = history[:, 1:]
    steps = x.shape[1]
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
            pooled = x[:, -min(max(n, 1), steps) :].mean(1)
        case "mean_range":
            pooled = _range(x, range_start, range_end).mean(1)
        case _:
            pooled = (x * _fading(x, min_weight)).sum(1)
    return pooled * scale


def pool_tokens(history: Tensor, steps: int, method: str = "final", *, n: int = 2) -> Tensor:
    """Pool within each token of a sequence: ``steps`` time steps make a token, an incomplete last one is cut.

    Args:
        history: (batch, time + 1, nodes), the initial state first.
        steps: Time steps of a token.
        method: `final`, `mean`, `max` or `mean_last_n`.
        n: Steps of `mean_last_n`.

    Returns:
        (batch, tokens, nodes).
    """
    one_of(method, dict.fromkeys(("final", "mean", "max", "mean_last_n")), "the pooling method within tokens")
    x = history[:, 1:]
    tokens = x.shape[1] // steps
    x = x[:, : tokens * steps].unflatten(1, (tokens, steps))
    if method == "max":
        return x.amax(2)
    last = {"final": 1, "mean": steps}.get(method, min(max(n, 1), steps))
    return x[:, :, -last:].mean(2)


def _range(x: Tensor, start: int | None, end: int | None) -> Tensor:
    steps = x.shape[1]
    last = steps if end is None else min(max(end, 1), steps)
    first = max(0, last - LAST) if start is None else min(max(start, 0), last - 1)
    return x[:, first:last]


def _fading(x: Tensor, min_weight: float) -> Tensor:
    """Weights of a mean that favours late steps, (time, 1), in the precision of ``x``."""
    age = 1.0 - torch.linspace(0.0, 1.0, x.shape[1], dtype=x.dtype, device=x.device)
    weights = min(max(min_weight, 1e-6), 1.0) ** age
    return (weights / weights.sum()).unsqueeze(1)
