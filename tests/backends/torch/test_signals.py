"""SIGTERM, SIGUSR1 and Ctrl-C: save at the border, leave with a code that says so, go on later."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch.nn.functional import cross_entropy

from leyden.backends.torch import signals
from leyden.backends.torch.signals import Signals
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.death import differences, in_child, what_must_agree
from tests.backends.torch.toy import Net, newest, records, toy_parts, train


class Signal(Callback):
    """Sends its own process a signal in the middle of a run."""

    def __init__(self, number: int, step: int, hook: str = "on_step_end") -> None:
        self.number, self.when, self.hook = number, step, hook

    def on_step_end(self, fit: Fit, /) -> None:
        if self.hook == "on_step_end" and fit.step == self.when:
            os.kill(os.getpid(), self.number)

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        if self.hook == "on_validation_end" and fit.step == self.when:
            os.kill(os.getpid(), self.number)


class SignalInValidation(Net):
    """Gets a signal in the first batch of a validation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().forward(x)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("untouched")
    train(toy_parts(), folder)
    return what_must_agree(newest(folder), folder)


@pytest.mark.parametrize(
    ("number", "step", "hook", "code"),
    [
        (signal.SIGTERM, 4, "on_step_end", 75),
        (signal.SIGUSR1, 7, "on_step_end", 75),
        (signal.SIGINT, 14, "on_validation_end", 130),
        (signal.SIGTERM, 21, "on_step_end", 75),
    ],
)
def test_a_signal_saves_at_that_step_and_the_run_goes_on_from_there(
    number: int, step: int, hook: str, code: int, tmp_path: Path, reference: dict[str, Any]
) -> None:
    outcome = train(toy_parts(callbacks=[Signal(number, step, hook)]), tmp_path)
    assert (outcome.status, outcome.exit_code, outcome.steps) == ("interrupted", code, step)
    assert newest(tmp_path)["leyden"]["session"]["position"]["step"] == step
    assert train(toy_parts(), tmp_path).status == "finished"
    assert differences(reference, what_must_agree(newest(tmp_path), tmp_path)) == []


def test_a_signal_inside_a_validation_leaves_it_and_owes_it(
    tmp_path: Path, reference: dict[str, Any]
) -> None:
    outcome = train(toy_parts(model=SignalInValidation), tmp_path)
    assert (outcome.status, outcome.steps) == ("interrupted", 7)
    assert newest(tmp_path)["leyden"]["session"]["position"]["pending"] == "validate"
    assert train(toy_parts(), tmp_path).status == "finished"
    assert differences(reference, what_must_agree(newest(tmp_path), tmp_path)) == []


def test_a_real_process_that_is_told_to_leave_exits_with_75(tmp_path: Path) -> None:
    """The parent waits for a byte from the step, signals, and lets the step go on."""
    started, go_on = os.pipe(), os.pipe()

    class Waiting(Callback):
        def on_step_end(self, fit: Fit, /) -> None:
            if fit.step == 9:
                os.write(started[1], b"!")
                os.read(go_on[0], 1)

    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = train(toy_parts(callbacks=[Waiting()]), tmp_path).exit_code
        finally:
            os._exit(code)
    os.read(started[0], 1)
    os.kill(pid, signal.SIGTERM)
    os.write(go_on[1], b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 75
    assert newest(tmp_path)["leyden"]["session"]["position"]["step"] == 9


class Twice(Net):
    """Gets two signals in each forward pass of a training."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        return super().forward(x)


def test_signals_that_come_together_are_one_request(tmp_path: Path) -> None:
    """GNU ``timeout`` signals its child, and then its process group, in which the child is, too."""
    assert in_child(lambda: train(toy_parts(model=Twice), tmp_path).exit_code) == 75
    assert newest(tmp_path)["leyden"]["session"]["position"]["step"] == 1


def test_a_second_request_leaves_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stays(Twice):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            super().forward(x)
            threading.Event().wait()
            raise AssertionError("still here")

    monkeypatch.setattr(signals, "ONE_REQUEST", 0.0)
    assert in_child(lambda: train(toy_parts(model=Stays), tmp_path).exit_code) == 75
    assert not (tmp_path / "checkpoints").exists()


def test_a_second_request_ends_a_process_that_never_comes_back_to_the_interpreter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a collective whose other side hangs: `Signals` hears what the main thread cannot."""
    monkeypatch.setattr(signals, "ONE_REQUEST", 0.0)
    here, there = os.pipe()

    def stuck() -> None:
        lock = ctypes.CDLL(None).pthread_mutex_lock
        mutex = ctypes.create_string_buffer(128)
        with Signals():
            lock(mutex)
            os.write(there, b"!")
            lock(mutex)  # no signal interrupts this one

    pid = os.fork()
    if pid == 0:
        stuck()
        os._exit(1)
    os.read(here, 1)
    for number in (signal.SIGTERM, signal.SIGUSR1):
        os.kill(pid, number)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 75


def test_a_signal_after_the_last_border_is_kept_for_the_next_training(tmp_path: Path) -> None:
    class Late(Callback):
        def on_fit_end(self, fit: Fit, error: BaseException | None, /) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    first = train(toy_parts(callbacks=[Late()]), tmp_path / "first")
    assert (first.status, first.exit_code) == ("finished", 0)
    second = train(toy_parts(), tmp_path / "second")
    assert (second.status, second.exit_code, second.steps) == ("interrupted", 75, 1)
    assert train(toy_parts(), tmp_path / "second").status == "finished"


def test_a_signal_that_is_no_request_reaches_its_own_handler_and_none_after_it_is_missed(
    tmp_path: Path,
) -> None:
    """A real-time signal has no name; the thread that hears all signals goes on."""
    number, heard = signal.SIGRTMIN + 1, list[int]()
    before = signal.signal(number, lambda number, frame: heard.append(number))
    try:
        outcome = train(toy_parts(callbacks=[Signal(number, 4), Signal(signal.SIGTERM, 9)]), tmp_path)
    finally:
        signal.signal(number, before)
    assert heard == [number] and (outcome.exit_code, outcome.steps) == (75, 9)


def test_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    train(toy_parts(trainer={"max_epochs": 1}), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


class Draws(pl.LightningModule):
    """Its validation draws from the global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(8, 3)
        self.batches = 0
        self.signalled = -1  # the batch of a validation that a signal comes into

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        noisy = batch[0] + torch.randn_like(batch[0])
        self.log("val_loss", cross_entropy(self.net(noisy), batch[1]), batch_size=len(noisy))
        self.batches += 1
        if self.batches == self.signalled:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_validation_that_was_left_draws_the_same_when_it_is_done_again(tmp_path: Path) -> None:
    def signalled() -> Draws:
        module = Draws()
        module.signalled = 7
        return module

    whole = train(toy_parts(model=Draws, schedules={}, foreign=True), tmp_path / "whole")
    left = train(toy_parts(model=signalled, schedules={}, foreign=True), tmp_path / "left")
    assert (left.exit_code, left.steps) == (75, 14)
    assert newest(tmp_path / "left")["leyden"]["session"]["position"]["pending"] == "validate"
    train(toy_parts(model=Draws, schedules={}, foreign=True), tmp_path / "left")
    measured = [
        [(row["step"], row["val_loss"]) for row in records(tmp_path / name) if "val_loss" in row]
        for name in ("whole", "left")
    ]
    assert whole.status == "finished" and measured[0] == measured[1] and len(measured[0]) == 3
