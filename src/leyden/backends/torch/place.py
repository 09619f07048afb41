"""Where a process computes, and how processes agree."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist

#: what a rank says of its attempt at a step; the largest of all ranks' words counts
OK, OUT_OF_MEMORY, FAILED, TORN = 0, 1, 2, 3


class RankError(RuntimeError):
    """Another process of the run failed; its own message says why."""


@dataclass(frozen=True)
class Vote:
    """Agreement of all ranks on small numbers, on a host group: hosts wait for hosts, never for a device.

    Raises a `RankError` in whoever waits for a process that has closed its side.
    """

    world: int = 1
    groups: list[Any] = field(default_factory=list[Any])  # one, until it is closed

    @classmethod
    def open(cls, world: int) -> Vote:
        """A vote among ``world`` processes; to be called by all of them."""
        return cls(world, [dist.new_group(backend="gloo")]) if world > 1 else cls()

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """The largest of all ranks' ``numbers``, one by one."""
        if self.world == 1:
            return numbers
        words = torch.tensor(numbers)
        with _together():
            dist.all_reduce(words, op=dist.ReduceOp.MAX, group=self.groups[0])
        return tuple(words.tolist())

    def gather(self, mine: Any) -> list[Any]:
        """Every rank's ``mine`` (plain containers and host tensors), in the order of ranks, on every rank."""
        if self.world == 1:
            return [mine]
        all_of_them: list[Any] = [None] * self.world
        with _together():
            dist.all_gather_object(all_of_them, mine, group=self.groups[0])
        return all_of_them

    def close(self) -> None:
        """Take part no longer: the group has threads and connections, and others may wait in it."""
        if self.groups and dist.is_initialized():
            dist.destroy_process_group(self.groups[0])
        self.groups.clear()  # its connections last as long as anybody has it


@contextmanager
def _together() -> Generator[None]:
    """What a collective says where the other side is gone, in words."""
    try:
        yield
    except RuntimeError as error:
        raise RankError("another process of the run has left; see its message") from error


@dataclass(frozen=True)
class Place:
    """A process of a fit: its device, its rank, and the vote that it takes part in."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    world: int = 1
    vote: Vote = field(default_factory=Vote)

    def to_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """``batch`` on the device; from pinned memory the copy does not hold the host up."""
        if self.device.type == "cpu":
            return batch
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def seed(self, seed: int) -> None:
        """Seed the generators that a step draws from, a hundred times as fast as ``torch.manual_seed``."""
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(seed)

    def sum_over_ranks(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its sum over the ranks."""
        if self.world > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)
