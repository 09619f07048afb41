"""What the fit loop needs of whatever is trained: our own module, or a user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from torch import Tensor

from .place import Place


class Driver(Protocol):
    """Takes windows of steps. What is the same on all ranks is in `state`, the rest in `rank_state`."""

    #: whether every window needs Lightning's batch hooks and its logger connector
    hooked: bool

    @property
    def torn(self) -> str:
        """Why the weights of this rank are those of no step; empty if they are."""
        ...

    def prepare(self, place: Place) -> None:
        """Weights are on the device, optimizers made, a checkpoint's weights and optimizer loaded."""
        ...

    def window(self, loop: Any, window: Any, index: int) -> Any:
        """Train on one window; gives what ``training_step`` gave."""
        ...

    def end_epoch(self, loop: Any) -> None:
        """The epoch is over, and so are its validations."""
        ...

    def flush(self, step: int) -> None:
        """Record what was summed up since the last time."""
        ...

    def settle(self) -> None:
        """Raise what was noticed on the device but not yet read."""
        ...

    def abandon(self) -> None:
        """A validation is left in its middle; weights are to be those that are trained."""
        ...

    def observe(self, step: int) -> None:
        """A validation is over; its metrics are in the session."""
        ...

    def steady(self, before_update: Callable[[], None]) -> Iterable[Tensor]:
        """Tensors that nothing but an update writes, now that ``before_update`` is called before each."""
        ...

    def state(self) -> dict[str, Any]:
        """What must survive a restart beyond weights and optimizer."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None: ...

    def rank_state(self) -> dict[str, Any]:
        """The same, of this rank alone."""
        ...

    def restore_rank(self, state: Mapping[str, Any]) -> None: ...
