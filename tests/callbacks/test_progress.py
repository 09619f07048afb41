"""What progress shows, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from leyden.callbacks import progress
from leyden.callbacks.progress import Progress, duration
from tests.callbacks.fake import FakeFit


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_without_a_terminal_there_is_a_line_every_so_many_seconds(clock: Clock) -> None:
    callback, fit = Progress(every=30), FakeFit(metrics={"train/loss": 0.51, "lr": 1.0, "val/accuracy": 0.9})
    callback.out = io.StringIO()
    callback.on_fit_start(fit)
    for fit.step in range(1, 101):
        clock.now += 1
        callback.on_step_end(fit)
    callback.on_fit_end(fit, None)
    lines = callback.out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0] == "step 30/100 (30%), epoch 0, 1 min 10 s left  train/loss 0.51  val/accuracy 0.9"
    assert lines[-1].startswith("step 100/100 (100%)")


def test_a_terminal_gets_a_bar(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    callback, fit = Progress(), FakeFit()
    callback.out = Terminal()
    callback.on_fit_start(fit)
    fit.step = 50
    clock.now += 1
    callback.on_step_end(fit)
    assert callback.bar.tasks[0].completed == 50
    callback.on_fit_end(fit, None)
    assert callback.bar is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
