"""Batches that nothing is learnt from, through a model in as few pieces as memory allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from leyden.tasks.task import Task

from .memory import bare, is_out_of_memory
from .place import Place
from .precision import Format, as_full
from .working_size import WorkingSize

T = TypeVar("T")


class Halves(Generic[T]):
    """Calls a model, and again with half of the samples at once where memory runs out.

    Args:
        model: In evaluation mode.
        task: How a batch meets the model.
        place: This process.
        format: Number formats.
        memory: How many samples go through the model at once.
        at: What they do it for, in words.
        use: Makes of a piece, on the device, and of its outputs what is wanted of them.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        task: Task,
        place: Place,
        format: Format,
        memory: WorkingSize,
        at: str,
        use: Callable[[dict[str, Tensor], Tensor], T],
    ) -> None:
        self.model = model
        self.task = task
        self.place = place
        self.format = format
        self.memory = memory
        self.at = at
        self.use = use

    @torch.no_grad()
    def __call__(self, batch: dict[str, Tensor]) -> list[T]:
        """What is made of a batch, piece by piece.

        Raises:
            ShortageError: there is not even memory for one sample.
        """
        memory, samples = self.memory, len(next(iter(batch.values())))
        found, error = self._tried(self._pieces, batch, samples)
        while error is not None:
            memory.free(self.place.device)
            if memory.tried(samples) <= 1:
                raise memory.reports.fatal(error)
            memory.halve(memory.tried(samples))
            found, error = self._tried(self._measured, batch, samples)
            if error is None:
                memory.reports.mended(memory.size, memory.wait)
        if not memory.settled:
            memory.passed()
        return found

    def _tried(
        self,
        attempt: Callable[[dict[str, Tensor], int], list[T]],
        batch: dict[str, Tensor],
        samples: int,
    ) -> tuple[list[T], Exception | None]:
        """What an attempt gave, or the error of an allocator that had no memory for it."""
        try:
            return attempt(batch, samples), None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.memory.reports.saw(error, self.at, self.memory.tried(samples), batch)
            return [], bare(error)

    def _measured(self, batch: dict[str, Tensor], samples: int) -> list[T]:
        """An attempt that somebody looks at."""
        tried = self.memory.tried(samples)
        return self.memory.reports.measured(partial(self._pieces, batch, samples), lambda: None, batch, tried)

    def _pieces(self, batch: dict[str, Tensor], samples: int) -> list[T]:
        found: list[T] = []
        for piece in self.memory.pieces(batch, samples):
            piece = self.place.to_device(piece)
            with self.format.forward():
                outputs = self.task.forward(self.model, self.format.inputs(piece))
            found.append(self.use(piece, as_full(outputs)))
        return found
