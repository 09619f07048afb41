"""Loaders of a run: the endless stream to train on, and batches to evaluate on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.data.loader import Evaluation, Workers, stream
from leyden.data.plan import Position

from .window import Cut, EvalLoader, Window, WindowLoader

Ranks = Callable[[], tuple[int, int]]


def workers(parts: Parts) -> Workers:
    """Where batches are made; no setting changes a batch."""
    data = parts.run.data
    return Workers(
        num=data.num_workers,
        prefetch=data.prefetch_factor or 2,
        persistent=data.persistent_workers is not False,
        pin_memory=data.pin_memory and torch.cuda.is_available(),
    )


def train_loader(
    parts: Parts, position: Position, ranks: Ranks, change: Callable[[Window], Any] | None = None
) -> WindowLoader:
    """Windows of the training data from the position on; ``ranks`` is asked for (rank, world) late."""

    def open_stream(step: int) -> Iterator[Window]:
        mine, world = ranks()
        return stream(
            parts.train,
            parts.plan,
            parts.sampler,
            step,
            seed=parts.seed,
            rank=mine,
            world=world,
            workers=workers(parts),
        )

    return WindowLoader(open_stream, parts.plan, position, change)


def eval_batch_size(parts: Parts) -> int:
    """Samples that go through the model at once in an evaluation, whatever the number of ranks."""
    data = parts.run.data
    if data.eval_batch_size is not None:
        return data.eval_batch_size
    return data.batch_size if data.micro_batch_size == "auto" else data.micro_batch_size


def cut_of(parts: Parts, dataset: Dataset, limit: float | None, rank: int = 0, world: int = 1) -> Cut:
    """Which batches an evaluation has; ``limit`` is a number of them, or a share as a float up to 1.

    Of a share above 0 there is one batch at least.
    """
    batches = math.ceil(len(dataset) / eval_batch_size(parts))
    if parts.run.trainer.fast_dev_run:
        limit = int(parts.run.trainer.fast_dev_run)
    if isinstance(limit, float):
        batches = max(1, int(batches * limit)) if limit else 0
    elif limit is not None:
        batches = min(batches, limit)
    return Cut(batches, rank, world)


def evaluation_of(parts: Parts, dataset: Dataset, numbers: range) -> Evaluation:
    """The batches ``numbers`` of a dataset, in order."""
    return Evaluation(
        dataset, eval_batch_size(parts), seed=parts.seed, workers=workers(parts), numbers=numbers
    )


def eval_loader(parts: Parts, dataset: Dataset, cut: Callable[[], Cut]) -> EvalLoader:
    """This rank's batches of a dataset."""
    return EvalLoader(lambda numbers: evaluation_of(parts, dataset, numbers), cut)


class UserLoader:
    """This rank's batches of a dataset, as a user's module takes them.

    Args:
        parts: The run.
        dataset: What to evaluate on.
        cut: Which numbers are this rank's; asked once processes are up.
        change: Turns a batch into what the module's steps take.
    """

    def __init__(
        self,
        parts: Parts,
        dataset: Dataset,
        cut: Callable[[], Cut],
        change: Callable[[dict[str, Tensor]], Any],
    ) -> None:
        self.inner = eval_loader(parts, dataset, cut)
        self.change = change

    def __len__(self) -> int:
        return len(self.inner.cut().mine)

    @property
    def most(self) -> int:
        """Batches of the rank that has most; 0 where one has none: Lightning calls no hooks there."""
        lengths = self.inner.cut().lengths
        return max(lengths) if min(lengths) else 0

    def __iter__(self) -> Iterator[Any]:
        return (self.change(held.batch) for held in self.inner if held.number >= 0)

    def close(self) -> None:
        """Let go of workers that were kept for the next pass."""
        self.inner.close()
