"""A process that hangs is named, with its stack where it has one, and the run ends instead of waiting."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import Net, toy_parts, train
from tests.faults.ranks import ranks

DEADLINE = 4.0  # seconds; shorter ones are missed by processes that merely wait for a processor


class Announcing(Callback):
    """Writes a byte at a step, and goes on."""

    def __init__(self, pipe: int, step: int) -> None:
        self.pipe, self.when = pipe, step

    def on_step_end(self, fit: Fit, /) -> None:
        if fit.step == self.when:
            os.write(self.pipe, b"!")


class Stuck(Net):
    """Waits for ever in its fifth forward pass, if it is to."""

    stuck = False

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        if self.stuck and self.passes == 5:
            threading.Event().wait()
        return super().forward(x)


def settings(devices: int) -> dict[str, object]:
    return {"devices": devices, "deadline": f"{DEADLINE:g} s", "max_epochs": 200}


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_stopped_rank_is_named_by_the_others(
    stopped: int, tmp_path: Path, say: Callable[..., None]
) -> None:
    reading, writing = os.pipe()

    def work(rank: int) -> int:
        callbacks = [Announcing(writing, 5)] if rank == stopped else []
        return train(toy_parts(trainer=settings(2), callbacks=callbacks), tmp_path / "run").exit_code

    children = ranks(2, work, tmp_path / "log")
    os.close(writing)
    assert os.read(reading, 1), children[0].said()
    children[stopped].kill(signal.SIGSTOP)
    since, other = time.monotonic(), children[1 - stopped]
    code = other.wait(60)
    took = time.monotonic() - since
    children[stopped].kill()
    children[stopped].wait()
    say("stopped rank", rank=stopped, deadlines=took / DEADLINE, exit=code)
    assert code == 1 and f"rank {stopped} (process {children[stopped].pid} on" in other.said()
    assert "gave no sign of life" in other.said()
    assert took < 2 * DEADLINE


@pytest.mark.parametrize("world", [1, 2])
def test_a_rank_that_hangs_is_named_with_its_stack(world: int, tmp_path: Path) -> None:
    def work(rank: int) -> int:
        Stuck.stuck = rank == world - 1
        return train(toy_parts(trainer=settings(world), model=Stuck), tmp_path / "run").exit_code

    children = ranks(world, work, tmp_path / "log")
    codes = [child.wait(60) for child in children]
    assert all(codes), codes
    said = children[-1].said()
    assert f"rank {world - 1} (process {children[-1].pid} on" in said and "hangs since" in said
    assert "in forward\n    threading.Event().wait()" in said
