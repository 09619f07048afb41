"""From a dataset and an order to batches of tensors: an endless stream to train on, one pass to evaluate on.

plan, order --> Windows[start] --> numpy batch of a whole window --> tensors --> steps
                (in this process, or in workers; what comes out is the same)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from leyden.data.dataset import Dataset
from leyden.data.order import Order
from leyden.data.plan import Plan, share
from leyden.data.samplers.sampler import Sampler
from leyden.data.sources.source import Batch
from leyden.data.workers import Workers as Workers
from leyden.data.workers import dataloader, from_workers
from leyden.spec.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader


#: the most that data in memory is gathered ahead of its use
SAMPLES_AHEAD = 4096
BYTES_AHEAD = 1 << 22


class StepBatch(NamedTuple):
    """This rank's samples of one optimizer step; there may be none.

    ``size`` is the number of samples of the step over all ranks: what a mean over the step is divided by.
    """

    step: int
    size: int
    batch: dict[str, Tensor]


class EvalBatch(NamedTuple):
    """Adjacent samples of a set to evaluate, beginning with sample ``first`` of the dataset."""

    first: int
    batch: dict[str, Tensor]


class GatheredWindow(NamedTuple):
    """All steps of a window in one batch, in the order of the steps."""

    first_step: int
    sizes: list[int]  # samples of each step over all ranks
    shares: list[int]  # samples of each step on this rank
    batch: Any  # name -> array or tensor, first dimension the sum of the shares


class Windows:
    """Windows by their first step: a pure function of (dataset, order, plan, rank, world)."""

    def __init__(
        self, dataset: Dataset, order: Order, plan: Plan, *, seed: int, rank: int, world: int
    ) -> None:
        assert order.length == plan.samples, "the plan was made for another sampler or dataset"
        assert 0 <= rank < world
        self.dataset = dataset
        self.order = order
        self.plan = plan
        self.seed = seed
        self.rank = rank
        self.world = world

    def __getitem__(self, start: int) -> GatheredWindow:
        return self.window(start, self.plan.border(start))

    def window(self, start: int, end: int) -> GatheredWindow:
        """The steps from ``start`` to ``end`` (exclusive), which lie in one epoch."""
        spans = [self.plan.positions(step) for step in range(start, end)]
        epoch, window_first, _ = spans[0]
        window_end = spans[-1][2]
        rows = self.order.indices(epoch, window_first, window_end)
        sizes = shares = [end - first for _, first, end in spans]
        mine: slice | np.ndarray = slice(None)
        if self.world > 1:
            cuts = [share(size, self.rank, self.world) for size in sizes]
            shares = [end - first for first, end in cuts]
            mine = np.concatenate(
                [
                    np.arange(first + low, first + high) - window_first
                    for (_, first, _), (low, high) in zip(spans, cuts, strict=True)
                ]
            )
        positions = np.arange(window_first, window_end)[mine] if self.dataset.transforms else None
        batch = self.dataset.batch(rows[mine], seed=self.seed, epoch=epoch, positions=positions)
        return GatheredWindow(start, sizes, shares, batch)

    def starts(self, start: int) -> Iterator[int]:
        """First steps of all windows from ``start`` on, without end."""
        while True:
            yield start
            start = self.plan.border(start)


class Shares:
    """Batches of one rank's contiguous share of an evaluation set, by number."""

    def __init__(self, dataset: Dataset, batch_size: int, *, seed: int, rank: int, world: int) -> None:
        assert batch_size > 0 and 0 <= rank < world
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.first, self.end = share(len(dataset), rank, world)

    def __len__(self) -> int:
        return -(-(self.end - self.first) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[int, Batch]:
        first = self.first + number * self.batch_size
        rows = np.arange(first, min(first + self.batch_size, self.end))
        return first, self.dataset.batch(rows, seed=self.seed, epoch=0)


def stream(
    dataset: Dataset,
    plan: Plan,
    sampler: Sampler,
    start_step: int,
    *,
    seed: int,
    rank: int = 0,
    world: int = 1,
    workers: Workers | None = None,
) -> Iterator[list[StepBatch]]:
    """Endless windows from ``start_step`` on, each a list of its steps; any start costs the same.

    Every step's samples are those of a single process cut into contiguous shares, so that the ranks together
    see the same samples for any number of ranks and of workers. Global random generators are not touched.

    Args:
        dataset: What to train on.
        plan: Steps and borders; its ``samples`` is the sampler's length.
        sampler: Which sample stands at each position.
        start_step: First step of the first window.
        seed: Seed of the run (of the repeat).
        rank: This process, of ``world``.
        world: Number of processes.
        workers: Where batches are made; None for this process.

    Raises:
        DataError: A sample cannot be read.
    """
    order = Order(sampler, num_samples=len(dataset), seed=seed, labels=dataset.labels())
    windows = Windows(dataset, order, plan, seed=seed, rank=rank, world=world)
    workers = workers or Workers()
    if dataset.cheap or workers.num == 0:
        yield from _made_here(windows, start_step, workers.pin_memory)
    else:
        starts = windows.starts(start_step)
        for window in _read(dataloader(_InWorker(windows), starts, workers)):
            yield _steps(window, window.batch)


class Evaluation:
    """One rank's share of a dataset in order, every sample exactly once; an empty share gives no batch.

    Args:
        dataset: What to evaluate on.
        batch_size: Samples this rank takes at once.
        seed: Seed of the run, for transforms that are random even here; the draw is the same in every pass.
        rank: This process, of ``world``.
        world: Number of processes.
        workers: Where batches are made; None for this process.
        numbers: Only these of this rank's batches; None for all.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: Workers | None = None,
        numbers: range | None = None,
    ) -> None:
        self._shares = Shares(dataset, batch_size, seed=seed, rank=rank, world=world)
        self._workers = workers or Workers()
        self._numbers = range(len(self._shares)) if numbers is None else numbers
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[EvalBatch]:
        if self._shares.dataset.cheap or self._workers.num == 0:
            tensors = _to_tensors(self._workers.pin_memory)
            for number in self._numbers:
                first, batch = self._shares[number]
                yield EvalBatch(first, tensors(batch))
            return
        if self._loader is None:
            self._loader = dataloader(_InWorker(self._shares), self._numbers, self._workers)
        for first, batch in _read(self._loader):
            yield EvalBatch(first, batch)


class _InWorker:
    """What a worker process runs: tensors travel through shared memory, bad data as its message alone."""

    def __init__(self, batches: Windows | Shares) -> None:
        self._batches = batches

    def __getitem__(self, key: int) -> Any:
        try:
            item = self._batches[key]
        except DataError as error:
            return _Failure(str(error))
        tensors = _to_tensors(pin=False)  # pinning is the parent's: a worker must not touch the accelerator
        if isinstance(item, GatheredWindow):
            return item._replace(batch=tensors(item.batch))
        return item[0], tensors(item[1])


@dataclass(frozen=True)
class _Failure:
    message: str


def _read(loader: DataLoader[Any]) -> Iterator[Any]:
    for item in from_workers(loader):
        if isinstance(item, _Failure):
            raise DataError(item.message)
        yield item


def _to_tensors(pin: bool) -> Callable[[Batch], dict[str, Tensor]]:
    """The function that makes tensors of a batch, without a copy unless memory is to be page-locked."""
    from torch import from_numpy  # once: an import statement costs as much as the conversion

    def shared(batch: Batch) -> dict[str, Tensor]:
        return {name: from_numpy(array) for name, array in batch.items()}

    def pinned(batch: Batch) -> dict[str, Tensor]:
        return {name: from_numpy(array).pin_memory() for name, array in batch.items()}

    return pinned if pin else shared


def _made_here(windows: Windows, start: int, pin: bool) -> Iterator[list[StepBatch]]:
    plan, tensors = windows.plan, _to_tensors(pin)
    ahead = _steps_ahead(windows)
    while True:
        ends = [plan.border(start)]
        while ends[-1] - start < ahead and not plan.epoch_ends(ends[-1]):
            ends.append(plan.border(ends[-1]))
        gathered = windows.window(start, ends[-1])
        steps = _steps(gathered, tensors(gathered.batch))
        first = start
        for end in ends:
            yield steps[start - first : end - first]
            start = end


def _steps_ahead(windows: Windows) -> int:
    """Steps worth gathering together, as indexing costs by the call; other samples are made when needed."""
    if not windows.dataset.cheap:
        return 1
    fields = windows.dataset.info().fields.values()
    sample = sum(math.prod(field.shape) * np.dtype(field.dtype).itemsize for field in fields)
    return min(SAMPLES_AHEAD, BYTES_AHEAD // max(1, sample)) // windows.plan.batch_size


def _steps(window: GatheredWindow, batch: dict[str, Tensor]) -> list[StepBatch]:
    if len(window.sizes) == 1:
        return [StepBatch(window.first_step, window.sizes[0], batch)]
    pieces = {name: tensor.split(window.shares) for name, tensor in batch.items()}
    return [
        StepBatch(window.first_step + number, size, {name: piece[number] for name, piece in pieces.items()})
        for number, size in enumerate(window.sizes)
    ]
