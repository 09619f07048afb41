"""What is in a checkpoint file: plain containers, so that it loads where Leyden is not installed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

#: of what `Keeper.state` gives; another number with every key that comes or goes, which a test watches
FORMAT = 2

#: where a value is in a tree: (of what contains it, pattern of this step, key); a string only once it is read
At = tuple[Any, str, Any] | None

_PLAIN = frozenset({type(None), bool, int, float, str})
_KEYS = frozenset({bool, int, float, str})


def _as_it_is(tensor: Tensor, at: At) -> Tensor:
    return tensor


def plain(value: Any, keep: Callable[[Tensor, At], Tensor] = _as_it_is, at: At = None) -> Any:
    """``value`` of tensors, numbers, strings, and dicts and lists of them.

    Args:
        value: A tree of containers.
        keep: What to put in a tensor's place, given where it is.
        at: Where the value is.

    Raises:
        ValueError: Something else is in it; the message says where.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Tensor):
        return keep(value.detach() if value.requires_grad or kind is not Tensor else value, at)
    if kind is dict or isinstance(value, Mapping):
        return {
            k if type(k) in _KEYS else _key(k): v if type(v) in _PLAIN else plain(v, keep, (at, ".{}", k))
            for k, v in cast("Mapping[Any, Any]", value).items()
        }
    if isinstance(value, (list, tuple, set)):
        items = enumerate(cast("list[Any]", value))
        return [plain(v, keep, (at, "[{}]", i)) for i, v in items]
    return _plain_leaf(value, at)


def place_of(at: At) -> str:
    """A place in a checkpoint as text."""
    steps: list[str] = []
    while at is not None:
        at, pattern, key = at
        steps.append(pattern.format(key))
    return "checkpoint" + "".join(reversed(steps))


def plain_settings(value: Any) -> Any:
    """The same for hyperparameters, which are for people: what is not plain is written as text."""
    try:
        return plain(value)
    except ValueError:
        if isinstance(value, Mapping):
            return {_key(k): plain_settings(v) for k, v in cast("Mapping[Any, Any]", value).items()}
        return repr(value)


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and bytes of weights, wherever they are."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for part in strided(tensor):
            host = part.detach().cpu().contiguous().reshape(-1)
            digest.update(memoryview(host.view(torch.uint8).numpy()))  # pyright: ignore[reportArgumentType]
    return digest.hexdigest()


def strided(tensor: Tensor) -> list[Tensor]:
    """What a tensor is made of: itself, or the values and indices of a sparse one."""
    if tensor.layout is torch.strided:
        return [tensor]
    sparse = tensor.to_sparse().coalesce()
    return [sparse.values(), sparse.indices()]


def _plain_leaf(value: Any, at: At) -> Any:
    if isinstance(value, Enum):
        return plain(value.value, at=at)
    if isinstance(value, (bool, int, float, str)):
        return _exact(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item() if isinstance(value, np.generic) else torch.from_numpy(value.copy())
    if isinstance(value, Path):
        return str(value)
    raise ValueError(
        f"{place_of(at)} must be made of tensors, numbers, strings, lists and dicts to be saved, but it is a "
        f"{type(value).__module__}.{type(value).__qualname__}; let the state_dict() that it comes from "
        "return plain values"
    )


def _key(key: Any) -> Any:
    return _exact(key) if isinstance(key, (bool, int, float, str)) else str(key)


def _exact(value: Any) -> Any:
    """A subclass of a plain type (an enum, a numpy float) as that type itself."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
