"""A user's own LightningModule in our fit loop: its steps, its optimizers, our position and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor

from leyden.data.loader import StepBatch
from leyden.spec.seeds import fold_in

from . import lightning_private as private
from .place import Place
from .session import Session

LOSSES = (
    "one batch is one call of training_step: trainer.steps_per_call and data.micro_batch_size have no effect",
    "each device's loss is averaged over its own share, so a ragged last batch on several devices weighs its "
    "samples unevenly",
    "memory that runs out ends the run, and gradients that are not finite are not noticed",
    "epoch means of training that the module logs with on_epoch=True begin anew after a restart inside it",
    "the module's own dataloaders are not used: the run file's data are, as (input, target) pairs; a class "
    "attribute batch_keys = (...) chooses others, None hands over the whole mapping",
)

#: why memory that runs out ends the run
WHOLE = (
    "the step of a LightningModule is not taken again in halves, because its training_step may have changed "
    "anything by then"
)


def losses(module: LightningModule) -> tuple[str, ...]:
    """What a run with this module does without; `leyden check` prints it."""
    return LOSSES


class UserDriver:
    """The `Driver` of a user's LightningModule.

    Args:
        module: The user's.
        session: Where the fit stands.
        seed: Seed of the repeat.
    """

    hooked = True
    torn = ""  # an update that fails ends the run

    def __init__(self, module: LightningModule, session: Session, seed: int) -> None:
        self.module = module
        self.session = session
        self.seed = seed
        session.read_rates = self._rates

    def prepare(self, place: Place) -> None:
        """The module's ``configure_optimizers`` has made everything."""
        self.place = place

    def window(self, loop: Any, window: Any, index: int) -> Any:
        """One batch, as Lightning's own loop trains on it."""
        self.place.seed(fold_in(self.seed, "step", self.session.step, self.place.rank))
        output = private.automatic_step(loop, private.to_device(loop.trainer, window), index)
        if self.module.automatic_optimization:
            private.step_schedulers(loop, "step", plateau=False)
        return output

    def end_epoch(self, loop: Any) -> None:
        """The module's schedulers that move by epochs, after the epoch's last validation."""
        if self.module.automatic_optimization:
            private.step_schedulers(loop, "epoch", plateau=False)
            private.step_schedulers(loop, "epoch", plateau=True)

    def flush(self, step: int) -> None:
        """The module's ``self.log`` goes through Lightning's loggers."""

    def settle(self) -> None: ...

    def abandon(self) -> None: ...

    def observe(self, step: int) -> None:
        """What the module logged in a validation is what callbacks see."""
        found = self.module.trainer.callback_metrics.items()
        self.session.note(step, {name: float(value) for name, value in found})

    def steady(self, before_update: Callable[[], None]) -> tuple[Tensor, ...]:
        """None: the module's code and Lightning's may write anything at any time."""
        return ()

    def state(self) -> dict[str, Any]:
        """Nothing: Lightning saves the module, its optimizers and schedulers."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None: ...

    def rank_state(self) -> dict[str, Any]:
        """Nothing, either."""
        return {}

    def restore_rank(self, state: Mapping[str, Any]) -> None: ...

    def _rates(self) -> dict[str, float]:
        groups = [group for optimizer in self.module.trainer.optimizers for group in optimizer.param_groups]
        return {("lr" if i == 0 else f"lr/{i}"): float(group["lr"]) for i, group in enumerate(groups)}


class Batches:
    """Turns our batches into what the module's steps take.

    Args:
        module: A class attribute ``batch_keys`` of it names the entries, None for the whole mapping.
    """

    def __init__(self, module: LightningModule) -> None:
        self.keys: tuple[str, ...] | None = getattr(module, "batch_keys", ("input", "target"))

    def __call__(self, window: list[StepBatch]) -> Any:
        """The batch of a window of one step."""
        (only,) = window
        return self.entries(only.batch)

    def entries(self, batch: dict[str, Tensor]) -> Any:
        """The entries that the module asks for."""
        return batch if self.keys is None else tuple(batch[key] for key in self.keys)
