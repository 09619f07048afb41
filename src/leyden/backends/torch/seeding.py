"""The init stream, and the state of every host and device generator."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from leyden.spec.seeds import fold_in


def seed_initial(seed: int) -> None:
    """Put the global generators on the init stream, so that weights made next depend on ``seed`` alone."""
    stream = fold_in(seed, "init")
    random.seed(stream)
    np.random.seed(stream % 2**32)  # a user's model may draw from it
    torch.manual_seed(stream)


def rng_state() -> dict[str, Any]:
    """State of Python's, numpy's and torch's global generators, in plain containers."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, torch.from_numpy(np.array(words, dtype=np.int64)), gauss],
        "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put the generators where `rng_state` found them; devices that are not there any more are left out."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available():
        for device, cuda in enumerate(state.get("cuda", [])[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(cuda, device)
