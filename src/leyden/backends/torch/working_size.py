"""How much of a step's share goes through the model at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .reports import Unreported


class WorkingSize:
    """Samples that go through the model at once: halved where memory runs out, and tried upward later.

    After ``wait`` steps (in an evaluation: batches) at a smaller size, twice as many samples are tried. A
    size that came from such a try and does not last as long as was waited for it doubles the wait, so a
    shortage that stays makes ever fewer steps be taken twice. All of it is a function of the steps that went
    through and of the shortages there were, and thus the same on every rank and after a restart.

    Args:
        most: Never more than this.
        reports: Told about shortages.
    """

    PATIENCE = 200

    def __init__(self, most: int, reports: Unreported | None = None) -> None:
        self.most = most
        self.size = most
        self.wait = self.PATIENCE
        self.age = 0  # steps since the size last changed, as long as they matter
        self.proved = 0  # while a larger size is tried, the one before
        self.reports = reports or Unreported()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be tried, so that steps need not be counted."""
        return self.age >= self.wait

    def pieces(self, batch: dict[str, Tensor], samples: int) -> Iterator[dict[str, Tensor]]:
        """``batch`` in as few pieces as can be, of equal sizes or nearly; none of an empty batch.

        A ragged last piece might be a single sample, of which BatchNorm can take no statistics.
        """
        if samples == 0:
            return
        if samples <= self.size:
            yield batch
            return
        count, end = -(-samples // self.size), 0
        for number in reversed(range(count)):
            start, end = end, end + (samples + number) // count
            yield {name: tensor[start:end] for name, tensor in batch.items()}

    def tried(self, samples: int) -> int:
        """How many of ``samples`` go through at once: those of the largest piece."""
        count = -(-samples // self.size)
        return -(-samples // count) if count else 0

    def passed(self) -> None:
        """One more step went through; to be called until all is `settled`."""
        self.age += 1
        if self.age < self.wait:
            return
        if self.size < self.most:
            self.size, self.age, self.proved = min(2 * self.size, self.most), 0, self.size
        else:
            self.wait, self.proved = self.PATIENCE, 0

    def halve(self, tried: int) -> None:
        """Work with half of ``tried`` samples, which were too many; after a try, as before it."""
        if self.proved:
            self.wait *= 2
        self.size = self.proved if 0 < self.proved < tried else -(-tried // 2)
        self.age = self.proved = 0

    def free(self, device: torch.device) -> None:
        """Give back what a failed attempt left behind, in reference cycles and in the allocator's cache."""
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()

    def state(self) -> dict[str, Any]:
        """Sizes, and how the wait stands."""
        return {
            "most": self.most,
            "size": self.size,
            "wait": self.wait,
            "age": self.age,
            "proved": self.proved,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave. Where another size is wanted by now, what was too many still is."""
        if state["most"] == self.most:
            self.size, self.wait = state["size"], state["wait"]
            self.age, self.proved = state["age"], state["proved"]
        elif state["size"] < state["most"]:
            self.size, self.wait = min(state["size"], self.most), state["wait"]
