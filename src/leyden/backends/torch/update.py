"""The optimizer's update, taken again where memory ran out before it had changed anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor
from torch.optim import Optimizer

from .memory import bare, is_out_of_memory
from .reports import Unreported

T = TypeVar("T")


class HalfUpdateError(RuntimeError):
    """Memory ran out in the middle of an update, which cannot be taken back; the newest checkpoint can be.

    Args:
        reason: Why; empty where it was another process's.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"an update was taken only in part: {reason or 'by another process'}")


class Update:
    """Steps an optimizer. Every tensor counts its changes, which tells whether a failed step left any.

    Most often memory runs out where the optimizer makes its state, in the first step of a run, before it has
    changed a weight; the activations' memory, given back, is then enough.

    Where a failed step did leave changes, this process has weights that no other has, and is the only one
    to know: `torn` says so until all of them next vote.

    Args:
        optimizer: The optimizer.
        free: Gives back memory that is held for reuse.
        reports: Told about shortages.
    """

    def __init__(self, optimizer: Optimizer, free: Callable[[], None], reports: Unreported) -> None:
        self.optimizer = optimizer
        self.free = free
        self.reports = reports
        self.torn = ""  # why the weights are half an update further than they should be
        self._tensors: list[Tensor] = []
        self._states = -1

    def __call__(self, step: Callable[[], object], number: int) -> None:
        """Call ``step``, twice if memory runs out in the first call; it is optimizer step ``number``.

        Raises:
            ShortageError: memory ran out in the second call as well.
        """
        before = self._changes()
        known = set(self.optimizer.state)
        lack = self._lacked(step, number)
        if lack is None:
            return
        made = set(self.optimizer.state) - known  # perhaps only in part
        if before != self._changes(refresh=False) or any(_used(self.optimizer.state[key]) for key in made):
            self.torn, _, _ = str(self.reports.fatal(lack)).partition("\n\n")
            return
        for parameter in made:
            del self.optimizer.state[parameter]
        self._last_try(step, number)

    def prepared(self, work: Callable[[], T], number: int) -> T:
        """What ``work`` gives, which fails before it changes anything; twice, if memory runs out at first.

        Raises:
            ShortageError: memory ran out in the second call as well.
        """
        given: list[T] = []
        lack = self._lacked(lambda: given.append(work()), number)
        if lack is not None:
            self._last_try(lambda: given.append(work()), number)
        return given[0]

    def _last_try(self, step: Callable[[], object], number: int) -> None:
        self.free()
        lack = self._lacked(step, number)
        if lack is not None:
            raise self.reports.fatal(lack)
        self.reports.mended()

    def _lacked(self, step: Callable[[], object], number: int) -> Exception | None:
        """Call ``step``; the error of an allocator that had no memory for it."""
        try:
            step()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.reports.saw(error, f"optimizer step {number}", 0, {})
            return bare(error)
        return None

    def _changes(self, refresh: bool = True) -> list[int]:
        state: Any = self.optimizer.state
        if refresh and self._states != len(state):
            self._states = len(state)
            held = [value for values in state.values() for value in values.values()]
            weights = [p for group in self.optimizer.param_groups for p in group["params"]]
            self._tensors = [*weights, *(value for value in held if isinstance(value, Tensor))]
        return [tensor._version for tensor in self._tensors]


def _used(state: dict[str, Any]) -> bool:
    """Whether a parameter's new state has changed since it was made; weights may not tell: fused kernels
    change them without counting."""
    return any(value._version > 0 for value in state.values() if isinstance(value, Tensor))
