"""What Lightning sees as loaders: windows of the running epoch to train on, and batches to evaluate on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from leyden.data.loader import EvalBatch, StepBatch
from leyden.data.plan import Plan, Position, share

Window = list[StepBatch]

#: groups that an evaluation's batches are added up in; fixed, so that the order of additions is too
GROUPS = 256


class WindowLoader:
    """The rest of the running epoch, from the position on, out of one endless stream.

    ``len`` is the number of windows of the whole epoch. ``iter`` is lazy and reads the position, so any
    number of calls is harmless: Lightning makes several. Not a ``DataLoader``, so Lightning leaves its
    sampler alone.

    Args:
        open_stream: First step -> endless windows from it on.
        plan: Steps and borders.
        position: Where the fit stands; read, never written.
        change: Applied to every window.
    """

    def __init__(
        self,
        open_stream: Callable[[int], Iterator[Window]],
        plan: Plan,
        position: Position,
        change: Callable[[Window], Any] | None = None,
    ) -> None:
        self.open_stream = open_stream
        self.plan = plan
        self.position = position
        self.change = change
        self._stream: Iterator[Window] = iter(())
        self._at = -1  # where the stream stands

    def __len__(self) -> int:
        return self.plan.windows(self.plan.epoch(self.position))

    def __iter__(self) -> Iterator[Any]:
        plan, position, change = self.plan, self.position, self.change
        if position.pending and plan.epoch_ends(position.step):
            return  # the epoch's windows are all used; only its end is owed
        step = position.step
        end = min((step // plan.steps_per_epoch + 1) * plan.steps_per_epoch, plan.total_steps)
        if self._at != step:
            self._stream = self.open_stream(step)
        while step < end:
            window = next(self._stream)
            step = self._at = plan.border(step)
            yield window if change is None else change(window)

    def close(self) -> None:
        """End the stream and its workers now; the garbage collector would wait for each in vain."""
        if isinstance(self._stream, Generator):
            self._stream.close()
        self._stream, self._at = iter(()), -1


class Held:
    """One batch of an evaluation; opaque, so that Lightning neither moves nor converts what is in it."""

    __slots__ = ("batch", "number")

    def __init__(self, number: int, batch: dict[str, Tensor]) -> None:
        self.number = number  # among all batches of the evaluation, over all ranks; -1 for none
        self.batch = batch


@dataclass(frozen=True)
class Cut:
    """Which of an evaluation's batches a rank takes: whole groups of whole batches.

    Batches are the same for any number of ranks, and so are the groups that they are added up in; a rank's
    groups are contiguous. Thus the sums are the same to the last bit however many ranks there are.
    """

    batches: int
    rank: int = 0
    world: int = 1

    @property
    def groups(self) -> int:
        """Number of groups."""
        return min(self.batches, GROUPS)

    def group(self, number: int) -> int:
        """The group of batch ``number``."""
        return number * self.groups // self.batches

    @property
    def mine(self) -> range:
        """Numbers of this rank's batches."""
        return self._of(self.rank)

    @property
    def lengths(self) -> list[int]:
        """How many batches each rank has."""
        return [len(self._of(rank)) for rank in range(self.world)]

    def _of(self, rank: int) -> range:
        first, end = share(self.groups, rank, self.world)
        return range(self._first_of(first), self._first_of(end))

    def _first_of(self, group: int) -> int:
        return -(-group * self.batches // self.groups) if self.groups else 0


class EvalLoader:
    """This rank's batches of an evaluation; where there are none, an empty one, or hooks were skipped.

    Args:
        open_batches: Makes the batches of the given numbers, in order; asked once, then iterated at every
            pass.
        cut: Which numbers are this rank's; asked once processes are up.
    """

    def __init__(self, open_batches: Callable[[range], Iterable[EvalBatch]], cut: Callable[[], Cut]) -> None:
        self.open_batches = open_batches
        self.cut = cut
        self._batches: Iterable[EvalBatch] | None = None

    def __len__(self) -> int:
        return max(1, len(self.cut().mine))

    @property
    def most(self) -> int:
        """Batches of the rank that has most."""
        return max(self.cut().lengths)

    def __iter__(self) -> Iterator[Held]:
        numbers = self.cut().mine
        if not numbers:
            yield Held(-1, {})
            return
        if self._batches is None:
            self._batches = self.open_batches(numbers)
        for number, item in zip(numbers, self._batches, strict=True):
            yield Held(number, item.batch)

    def close(self) -> None:
        """Let go of workers that were kept for the next pass."""
        self._batches = None
