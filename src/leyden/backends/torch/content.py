"""What is in a checkpoint file: plain containers, so that it loads where Leyden is not installed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

FORMAT = 1


def plain(value: Any, at: str = "checkpoint") -> Any:
    """``value`` of tensors, numbers, strings, and dicts and lists of them.

    Raises:
        ValueError: Something else is in it; the message says where.
    """
    if isinstance(value, Tensor):
        return value.detach() if value.requires_grad or type(value) is not Tensor else value
    if isinstance(value, Mapping):
        return {_key(k): plain(v, f"{at}.{k}") for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v, f"{at}[{i}]") for i, v in enumerate(cast("list[Any]", value))]
    if isinstance(value, Enum):
        return plain(value.value, at)
    if value is None or isinstance(value, (bool, int, float, str)):
        return _exact(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item() if isinstance(value, np.generic) else torch.from_numpy(value.copy())
    if isinstance(value, Path):
        return str(value)
    raise ValueError(
        f"{at} must be made of tensors, numbers, strings, lists and dicts to be saved, but it is a "
        f"{type(value).__module__}.{type(value).__qualname__}; let the state_dict() that it comes from "
        "return plain values"
    )


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
        host = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {host.dtype} {tuple(host.shape)}\n".encode())
        digest.update(memoryview(host.reshape(-1).view(torch.uint8).numpy()))  # pyright: ignore[reportArgumentType]
    return digest.hexdigest()


def _key(key: Any) -> Any:
    return _exact(key) if isinstance(key, (bool, int, float, str)) else str(key)


def _exact(value: Any) -> Any:
    """A subclass of a plain type (an enum, a numpy float) as that type itself."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
