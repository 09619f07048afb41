"""How much of a step's share goes through the model at once, and what running out of memory looks like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

#: texts of allocators and libraries that raise a plain RuntimeError; lower case
SIGNS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudnn_status_not_supported. this error may appear if you passed in a non-contiguous",
    "hip out of memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: by its type first, then by its text."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in SIGNS)


class WorkingSize:
    """Samples that go through the model at once; halved when memory runs out, and remembered.

    Args:
        wanted: ``data.micro_batch_size``; ``auto`` begins with a step's whole share.
    """

    def __init__(self, wanted: int | Literal["auto"]) -> None:
        self.size: int | None = None if wanted == "auto" else wanted

    def pieces(self, batch: dict[str, Tensor], samples: int) -> Iterator[dict[str, Tensor]]:
        """``batch`` in pieces of at most the working size, the last one ragged; none of an empty batch."""
        size = self.size
        if samples == 0:
            return
        if size is None or samples <= size:
            yield batch
            return
        for start in range(0, samples, size):
            yield {name: tensor[start : start + size] for name, tensor in batch.items()}

    def halve(self, samples: int) -> bool:
        """Work with half of what was tried on ``samples``; False where one sample alone was too much."""
        tried = samples if self.size is None else min(self.size, samples)
        if tried <= 1:
            return False
        self.size = -(-tried // 2)
        return True

    def free(self, device: torch.device) -> None:
        """Give back what a failed attempt left in the allocator's cache."""
        if device.type == "cuda":
            torch.cuda.empty_cache()

    def state(self) -> dict[str, Any]:
        """The working size in use."""
        return {"size": self.size}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; a size that was set smaller since is kept."""
        found = state["size"]
        if found is not None and (self.size is None or found < self.size):
            self.size = found
