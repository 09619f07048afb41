"""What a backward pass by hand does not give."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C import _functorch  # type: ignore[attr-defined]

REPAIR = 'run the forward inside `with leyden.soen.kernel.at_most("steps"):`'


def refuse_more_than_one(grads: Sequence[Tensor | None]) -> None:
    """A backward pass by hand gives one gradient, which is no function to differentiate again.

    Args:
        grads: What it was given.

    Raises:
        RuntimeError: It is asked to record itself (`create_graph=True`), or for many gradients at once.
    """
    if torch.is_grad_enabled():
        asked = "circuits have first derivatives only on this way, but create_graph=True asks for more"
        raise RuntimeError(f"{asked}; {REPAIR}")
    if any(g is not None and _functorch.is_legacy_batchedtensor(g) for g in grads):
        asked = "circuits have one gradient at a time on this way, but is_grads_batched=True asks for more"
        raise RuntimeError(f"{asked}; {REPAIR}")
