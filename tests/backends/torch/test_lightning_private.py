"""Lightning still has every private name that is used, and calls hooks in the order that our loop keeps."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.trainer import call

from leyden.backends.torch import lightning_private as private
from leyden.backends.torch.trainer import FIXED, quiet
from tests.backends.torch.toy import toy_parts, train

ORDER = [
    "setup",
    "on_fit_start",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_train_batch_end",
    "on_validation_start",
    "on_validation_epoch_start",
    "on_validation_batch_start",
    "on_validation_batch_end",
    "on_validation_epoch_end",
    "on_validation_end",
    "on_train_epoch_end",
    "on_train_end",
    "on_fit_end",
    "teardown",
]


class Plain(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 3)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("seen", 1.0)


class Same:
    """One batch again and again."""

    def __init__(self, batch: Any, times: int) -> None:
        self.batch, self.times = batch, times

    def __len__(self) -> int:
        return self.times

    def __iter__(self) -> Iterator[Any]:
        return iter([self.batch] * self.times)


class Recorder(pl.Callback):
    """Remembers the hooks that were called, and what the trainer said then."""

    def __init__(self) -> None:
        self.hooks: list[tuple[Any, ...]] = []
        for name in ORDER:
            setattr(self, name, self.note(name))

    def note(self, name: str) -> Any:
        def hook(trainer: pl.Trainer, module: pl.LightningModule, *args: Any, **kwargs: Any) -> None:
            seen = (trainer.current_epoch, trainer.global_step) if name.startswith("on_train_epoch") else ()
            last = (trainer.is_last_batch,) if name == "on_train_batch_end" else ()
            self.hooks.append((name, *seen, *last))

        return hook


@pytest.fixture
def trainer(tmp_path: Path) -> pl.Trainer:
    quiet()
    return pl.Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path, **FIXED)


@pytest.mark.parametrize("name", [(k, n) for k, names in private.NAMES.items() for n in names])
def test_lightning_has_the_name(name: tuple[str, str], trainer: pl.Trainer) -> None:
    module = Plain()
    roots = {
        "trainer": trainer,
        "trainer._logger_connector": trainer._logger_connector,
        "loop": trainer.fit_loop,
        "call": call,
        "module": module,
        "strategy": DDPStrategy(),
        "launcher": _SubprocessScriptLauncher,
    }
    attrgetter(name[1])(roots[name[0]])


def test_our_loop_calls_the_hooks_that_lightning_calls_in_its_order(tmp_path: Path) -> None:
    ours, theirs = Recorder(), Recorder()
    parts = toy_parts(model=Plain, callbacks=[ours], trackers=[], trainer={"max_epochs": 2})
    train(parts, tmp_path)
    batch = (torch.randn(4, 8), torch.randint(3, (4,)))
    reference = pl.Trainer(
        accelerator="cpu",
        logger=False,
        default_root_dir=tmp_path / "theirs",
        callbacks=[theirs],
        **{**FIXED, "max_epochs": 2},
    )
    reference.fit(Plain(), Same(batch, 7), Same(batch, 5))
    assert ours.hooks == theirs.hooks
    names = [name for name, *_ in ours.hooks]
    assert [name for name in dict.fromkeys(names)] == ORDER


def test_a_model_of_ours_gets_the_same_hooks(tmp_path: Path) -> None:
    module, model = Recorder(), Recorder()
    train(toy_parts(model=Plain, callbacks=[module], trackers=[]), tmp_path / "module")
    train(toy_parts(callbacks=[model], trackers=[]), tmp_path / "model")
    assert module.hooks == model.hooks
