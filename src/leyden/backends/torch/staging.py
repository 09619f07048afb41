"""Copies of a checkpoint's tensors, in host memory that is allocated once and used for every checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .content import At, plain
from .deferred import Deferred

#: bytes that are copied in about the time that it takes to have them copied by another thread
SMALL = 1 << 14

Layout = tuple[torch.Size, tuple[int, ...], torch.dtype, bool]


class Staging:
    """Holds one checkpoint while it is written, so that training may change its tensors meanwhile."""

    def __init__(self) -> None:
        self._memory: dict[Layout, _Rooms] = {}

    def reserve(self, tensors: Iterable[Tensor]) -> None:
        """Have memory for copies of ``tensors`` ready; for a thread, as the system gives it page by page."""
        for tensor in tensors:
            if tensor.nbytes > SMALL:
                room = self._memory.setdefault(_layout(tensor), _Rooms()).take(tensor)
                if not room.is_pinned():
                    room.zero_()

    def copy(self, tree: Any, steady: Iterable[Tensor] = ()) -> tuple[Any, Deferred]:
        """The same tree in plain values, every tensor in it a copy; what shared memory still shares it.

        The copies of the tree before are overwritten, so its writer must be done.

        Args:
            tree: Containers of tensors and plain values.
            steady: Tensors that nothing writes before `Deferred.release`. Their copies are made in
                `Deferred.make`; all others are made here, or on an accelerator queued behind what was
                computed before.

        Raises:
            ValueError: Something in the tree is not plain.
        """
        for rooms in self._memory.values():
            rooms.empty()
        copying = _Copying(self._memory, steady)
        staged = plain(tree, copying.copied)
        # what has another shape by now is let go
        self._memory = {layout: rooms for layout, rooms in self._memory.items() if rooms.close()}
        return staged, copying.begin()


class _Rooms:
    """Memory for tensors of one layout."""

    __slots__ = ("free", "taken")

    def __init__(self) -> None:
        self.free: list[Tensor] = []
        self.taken: list[Tensor] = []

    def take(self, source: Tensor) -> Tensor:
        """Memory for a copy of ``source``."""
        if self.free:
            room = self.free.pop()
        else:
            pinned = source.is_cuda
            room = torch.empty_like(source, device="cpu", pin_memory=pinned, requires_grad=False)
        self.taken.append(room)
        return room

    def empty(self) -> None:
        """Whatever is in here is not needed any more."""
        self.free, self.taken = self.free + self.taken, []

    def close(self) -> bool:
        """Let go of what is free; whether anything is left."""
        self.free = []
        return bool(self.taken)


class _Copying:
    """The copies of one tree.

    Args:
        memory: Where they go; what it lacks is added to it.
        steady: Tensors that nothing writes for a while.
    """

    def __init__(self, memory: dict[Layout, _Rooms], steady: Iterable[Tensor]) -> None:
        self._memory = memory
        self._steady = {tensor.data_ptr(): tensor.nbytes for tensor in steady}
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}  # address -> the first tensor there, and its copy
        self._devices: set[torch.device] = set()
        self._sources: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._later = Deferred()

    def copied(self, source: Tensor, at: At) -> Tensor:
        """Where the copy of a tensor is going to be."""
        if source.layout is not torch.strided:  # sparse: it has no one address, and its size may change
            return source.to("cpu", copy=True)
        address, layout = source.data_ptr(), _layout(source)
        seen = self._seen.get(address)
        if seen is not None and address and _layout(seen[0]) == layout:
            return seen[1]
        rooms = self._memory.get(layout)
        if rooms is None:
            rooms = self._memory[layout] = _Rooms()
        copy = rooms.take(source)
        self._seen.setdefault(address, (source, copy))
        if source.is_cuda:
            self._devices.add(source.device)
        if SMALL < source.nbytes <= self._steady.get(address, 0):
            self._later.promise(source, copy, at)
        else:
            self._sources.append(source)
            self._copies.append(copy)
        return copy

    def begin(self) -> Deferred:
        """Make all copies but those that may come later."""
        if self._sources:
            torch._foreach_copy_(self._copies, self._sources, non_blocking=True)
        self._later.begin(self._devices)
        return self._later


def _layout(tensor: Tensor) -> Layout:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.is_cuda
