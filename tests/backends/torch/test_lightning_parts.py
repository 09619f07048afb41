"""Users' Lightning callbacks, loggers and modules in our loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.nn.functional import cross_entropy

from leyden.backends.torch.content import weights_sha256
from leyden.backends.torch.fit import evaluate
from leyden.backends.torch.refusals import refusals
from leyden.spec.errors import UserError
from tests.backends.torch.death import KILLED, in_child
from tests.backends.torch.toy import newest, records, toy_parts, toy_run, train, weights


class Users(pl.LightningModule):
    """Dropout, a step-wise scheduler, values logged by step and by epoch."""

    def __init__(self, dies_at: int = -1) -> None:
        super().__init__()
        self.dies_at = dies_at
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 3))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 21)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step == self.dies_at:
            import os

            os._exit(KILLED)
        inputs, targets = batch
        loss = cross_entropy(self.net(inputs), targets)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", cross_entropy(self.net(batch[0]), batch[1]), batch_size=len(batch[0]))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test_loss", cross_entropy(self.net(batch[0]), batch[1]), batch_size=len(batch[0]))


class Manual(Users):
    """Optimises by hand, and sees whole mappings."""

    batch_keys = None

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(cross_entropy(self.net(batch["input"]), batch["target"]))
        optimizer.step()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", cross_entropy(self.net(batch["input"]), batch["target"]), batch_size=7)


def test_a_users_module_trains_logs_and_is_evaluated(tmp_path: Path) -> None:
    outcome = train(toy_parts(model=Users), tmp_path)
    assert outcome.status == "finished" and outcome.steps == 21
    assert outcome.metrics["val_loss"] < 1.0
    rows = records(tmp_path)
    assert [row["step"] for row in rows if "train_loss" in row] == [3, 6, 9, 12, 15, 18, 21]
    assert [row["step"] for row in rows if "val_loss" in row] == [7, 14, 21]
    checkpoint = next((tmp_path / "checkpoints" / "repeat_0").glob("step=21.ckpt"))
    assert set(evaluate(toy_parts(model=Users), checkpoint, "test")) == {"test_loss"}


def test_fewer_validation_batches_than_processes_are_refused_before_any_is_started(tmp_path: Path) -> None:
    parts = toy_parts(model=Users, trainer={"devices": 2, "strategy": "ddp", "limit_val_batches": 1})
    with pytest.raises(UserError, match=r"a batch for each of 2 processes.* but there are 1; validate on"):
        train(parts, tmp_path)


def test_a_users_module_steps_its_scheduler(tmp_path: Path) -> None:
    train(toy_parts(model=Users), tmp_path)
    assert newest(tmp_path)["lr_schedulers"][0]["last_epoch"] == 21


def test_a_users_module_with_manual_optimisation_trains(tmp_path: Path) -> None:
    outcome = train(toy_parts(model=Manual), tmp_path)
    assert outcome.steps == 21 and newest(tmp_path)["global_step"] == 21


@pytest.mark.parametrize("step", [1, 7, 11, 20])
def test_a_users_module_goes_on_bit_by_bit(step: int, tmp_path: Path) -> None:
    every = {"checkpoint": {"every": "1 step"}}
    train(toy_parts(model=Users, **every), tmp_path / "untouched")
    assert (
        in_child(lambda: train(toy_parts(model=lambda: Users(step), **every), tmp_path / "x").steps) == KILLED
    )
    train(toy_parts(model=Users, **every), tmp_path / "x")
    assert (tmp_path / "x" / "logs" / "repeat_0" / "lines.jsonl").read_bytes() == (
        tmp_path / "untouched" / "logs" / "repeat_0" / "lines.jsonl"
    ).read_bytes()
    one, two = weights(tmp_path / "untouched"), weights(tmp_path / "x")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_lightnings_early_stopping_and_checkpoint_follow_our_metrics(tmp_path: Path) -> None:
    stopping = EarlyStopping("val/loss", patience=1, stopping_threshold=10.0)
    keeping = ModelCheckpoint(tmp_path / "theirs", monitor="val/loss", filename="best")
    outcome = train(toy_parts(callbacks=[stopping, keeping]), tmp_path / "ours")
    assert (outcome.status, outcome.steps) == ("stopped", 7)
    assert outcome.reason == "a Lightning callback set trainer.should_stop"
    assert (tmp_path / "theirs" / "best.ckpt").exists()


def test_a_run_that_was_stopped_stays_stopped(tmp_path: Path) -> None:
    train(toy_parts(callbacks=[EarlyStopping("val/loss", stopping_threshold=10.0)]), tmp_path)
    again = train(toy_parts(callbacks=[EarlyStopping("val/loss", stopping_threshold=10.0)]), tmp_path)
    assert (again.status, again.steps) == ("stopped", 7)


def test_no_callback_stops_a_run_before_its_least_length(tmp_path: Path) -> None:
    stopping = EarlyStopping("val/loss", stopping_threshold=10.0)
    outcome = train(toy_parts(callbacks=[stopping], trainer={"min_epochs": 2}), tmp_path)
    assert (outcome.status, outcome.steps) == ("stopped", 14)


def test_a_users_logger_gets_what_we_measure(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "theirs", name="", version="")
    train(toy_parts(trackers=[logger], callbacks=[LearningRateMonitor()]), tmp_path / "ours")
    text = (tmp_path / "theirs" / "metrics.csv").read_text()
    assert "train/loss" in text and "val/accuracy" in text and "lr-AdamW" in text


def test_a_callback_that_logs_by_window_reaches_our_trackers(tmp_path: Path) -> None:
    class Logs(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
            pl_module.log("mine", float(trainer.global_step))

    train(toy_parts(callbacks=[Logs()]), tmp_path)
    rows = [row for row in records(tmp_path) if "mine" in row]
    assert [(row["step"], row["mine"]) for row in rows] == [(n, float(n)) for n in range(3, 22, 3)]


@pytest.mark.parametrize("value", ["skip", "restore"])
def test_what_a_users_module_must_do_itself_is_refused_by_name(value: str) -> None:
    run = toy_run(trainer={"non_finite": value})
    run.model.part = SimpleNamespace(foreign=True, target=Users)
    assert [key for key, _ in refusals(run)] == ["trainer.non_finite"]


class Averages(pl.Callback):
    """Puts other weights in at the end, as averages do."""

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        with torch.no_grad():
            for weight in pl_module.parameters():
                weight.fill_(0.5)


def test_weights_that_are_put_in_at_the_end_of_training_are_those_of_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    def known() -> torch.nn.Module:  # whose weights are copied beside the loop
        return torch.nn.Sequential(torch.nn.Linear(8, 3))

    outcome = train(toy_parts(model=known, callbacks=[Averages()]), tmp_path)
    assert outcome.status == "finished"
    assert all((weight == 0.5).all() for weight in weights(tmp_path).values())
    assert outcome.weights_sha256 == weights_sha256(weights(tmp_path))


class OwnLoader(Users):
    """Brings a loader that a run file's data take the place of."""

    def val_dataloader(self) -> Any:
        raise AssertionError("nobody is to ask for it")


@pytest.mark.parametrize(
    "limit", [None, 0], ids=["without validation data", "without batches of validation data"]
)
def test_a_modules_own_validation_loader_is_not_used(limit: int | None, tmp_path: Path) -> None:
    parts = toy_parts(model=OwnLoader, trainer={"limit_val_batches": limit})
    outcome = train(parts if limit == 0 else replace(parts, val=None), tmp_path)
    assert outcome.status == "finished" and "val_loss" not in outcome.metrics
