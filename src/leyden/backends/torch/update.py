"""The optimizer's update, taken again where memory ran out before it had changed anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .memory import is_out_of_memory


class HalfUpdateError(RuntimeError):
    """Memory ran out in the middle of an update, which cannot be taken back; the newest checkpoint can be.

    Args:
        reason: What the allocator said.
        world: Processes of the run.
    """

    def __init__(self, reason: str, world: int) -> None:
        self.world = world
        super().__init__(f"memory ran out in the middle of an update: {reason}")


class Update:
    """Steps an optimizer. Every tensor counts its changes, which tells whether a failed step left any.

    Most often memory runs out where the optimizer makes its state, in the first step of a run, before it has
    changed a weight; the activations' memory, given back, is then enough.

    Args:
        optimizer: The optimizer.
        free: Gives back memory that is held for reuse.
        world: Processes of the run.
    """

    def __init__(self, optimizer: Optimizer, free: Callable[[], None], world: int = 1) -> None:
        self.optimizer = optimizer
        self.free = free
        self.world = world
        self._tensors: list[Tensor] = []
        self._states = -1

    def __call__(self, step: Callable[[], object]) -> None:
        """Call ``step``, twice if memory runs out in the first call.

        Raises:
            HalfUpdateError: memory ran out after a part of the weights or moments was changed.
        """
        before = self._changes()
        known = set(self.optimizer.state)
        try:
            step()
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        if before != self._changes(refresh=False):
            raise HalfUpdateError(reason, self.world)
        for parameter in set(self.optimizer.state) - known:  # made now, perhaps only in part
            del self.optimizer.state[parameter]
        self.free()
        step()

    def _changes(self, refresh: bool = True) -> list[int]:
        state: Any = self.optimizer.state
        if refresh and self._states != len(state):
            self._states = len(state)
            held = [value for values in state.values() for value in values.values()]
            weights = [p for group in self.optimizer.param_groups for p in group["params"]]
            self._tensors = [*weights, *(value for value in held if isinstance(value, Tensor))]
        return [tensor._version for tensor in self._tensors]
