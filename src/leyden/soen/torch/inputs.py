"""Checks what a circuit is given: the input and the states to start from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from leyden.spec.nearest import nearest

from ..arguments import expect
from ..problems import CircuitError
from .edges import Edge, EdgeState
from .layer import Layer, State

Initial = Mapping[str, Tensor] | Mapping[int, Tensor] | Mapping[str | int, Tensor]


def fitted(x: Tensor, width: int, like: Tensor, pad: bool) -> Tensor:
    """The input as the circuit computes with it, (batch, time, width).

    Args:
        x: What was given.
        width: Nodes of the first layer.
        like: A tensor of the circuit's precision and device.
        pad: Whether missing channels become zeros and surplus ones are cut.

    Raises:
        CircuitError: No tensor, wrong number of dimensions or channels, no time steps, integers, or a
            precision too low for the states.
    """
    expect(x, (Tensor,), "the input must be a torch.Tensor; torch.from_numpy makes one of an array")
    if x.dim() != 3 or x.shape[1] < 1:
        raise CircuitError(
            [f"the input must be (batch, time, {width}), but got shape {tuple(x.shape)}"], "the input"
        )
    if not x.is_floating_point():
        raise CircuitError(
            [f"the input must be floating point, but got {x.dtype}; encode integers first"], "the input"
        )
    if like.dtype not in (torch.float32, torch.float64) or torch.is_autocast_enabled(x.device.type):
        raise CircuitError(
            [
                "half precision rounds small steps of states away; use float32 or float64 and no autocast "
                "(trainer.precision: 32-true or 64-true)"
            ],
            "the precision",
        )
    if x.shape[2] != width:
        if not pad:
            raise CircuitError(
                [f"the input must have {width} channels, as the first layer has nodes, but got {x.shape[2]}"],
                "the input",
            )
        if x.shape[2] > width:
            warnings.warn(f"the input has {x.shape[2]} channels, the first {width} are used", stacklevel=4)
        x = torch.nn.functional.pad(x, (0, width - x.shape[2]))
    return x.to(like)


def state_names(layer: Layer) -> list[str]:
    """The names of a layer's states, in order."""
    return [f"layer_{layer.layer_id}", *(f"layer_{layer.layer_id}.{h}" for h in layer.hidden)]


def starting(initial: Initial, layers: Sequence[Layer], batch: int, like: Tensor) -> dict[int, State]:
    """The state of each layer before the first step.

    Args:
        initial: By number or name of a layer, or name of a hidden state such as ``layer_2.s1``; (nodes,) or
            (batch, nodes).
            Zero where nothing is given.
        layers: The layers.
        batch: Samples.
        like: A tensor of the circuit's precision and device.
    """
    if not initial:
        return {layer.layer_id: layer.start(like.new_zeros(batch, layer.params.dim)) for layer in layers}
    given = {f"layer_{key}" if isinstance(key, int) else key: value for key, value in initial.items()}
    states: dict[int, State] = {}
    for layer in layers:
        names, width = state_names(layer), layer.params.dim
        found = [_fitted(given[n], n, batch, width, like) if n in given else None for n in names]
        output = like.new_zeros(batch, width) if found[0] is None else found[0]
        whole = layer.start(output)
        if len(found) > 1 and None not in found[1:]:
            whole = (output, *whole[1:])
        states[layer.layer_id] = tuple(
            known if value is None or n == 0 else value
            for n, (known, value) in enumerate(zip(whole, found, strict=True))
        )
    return states


def starting_circuits(
    initial: Initial, edges: Mapping[str, Edge], batch: int, like: Tensor
) -> dict[str, EdgeState]:
    """The states of each connection's circuits before the first step, under names such as ``J_0_to_1.0``."""
    given = {str(name): value for name, value in initial.items()}
    states: dict[str, EdgeState] = {}
    for key, edge in edges.items():
        states[key] = tuple(
            _fitted(given[f"{key}.{n}"], f"{key}.{n}", batch, zero.shape[1], like)
            if f"{key}.{n}" in given
            else zero
            for n, zero in enumerate(edge.rest(batch))
        )
    return states


def refuse_unknown(initial: Initial, layers: Sequence[Layer], circuits: Mapping[str, EdgeState]) -> None:
    """CircuitError where a given state belongs to nothing in the circuit, or is given by number and name."""
    known = [name for layer in layers for name in state_names(layer)]
    known += [f"{key}.{n}" for key, states in circuits.items() for n in range(len(states))]
    problems: list[str] = []
    for key in initial:
        name = f"layer_{key}" if isinstance(key, int) else key
        if isinstance(key, int) and name in [*initial]:
            problems.append(f"the state {name} is given twice, as {key} and as {name!r}; leave one out")
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"
            problems.append(f"there is no state {name}; {hint}")
    if problems:
        raise CircuitError(problems, "the initial states")


def _fitted(value: Tensor, name: str, batch: int, width: int, like: Tensor) -> Tensor:
    value = torch.as_tensor(value)
    if value.shape not in ((width,), (batch, width)):
        raise CircuitError(
            [f"{name} must have shape ({width},) or ({batch}, {width}), but got {tuple(value.shape)}"],
            "the initial states",
        )
    return value.to(like).expand(batch, width)
