"""Processes that fail, together or one of them: what is under way is written, and what went wrong is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leyden.backends.torch.place import RankError
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import toy_parts, train
from tests.faults import runs
from tests.faults.ranks import Command, ranks

#: rank 0's first checkpoint is not written before rank 1 has ended, and whoever wanted to kill rank 0 for
#: that has had the time to
SLOW = """\
import threading
from lightning.fabric.strategies.launchers import subprocess_script as started
from leyden.backends.torch import children
from leyden.runs.index import CheckpointIndex
save = CheckpointIndex.save

def slow(*words, **more):
    children._started[0].wait()
    for thread in threading.enumerate():
        if isinstance(thread, started._ChildProcessObserver):
            thread.join()
    return save(*words, **more)

started._ChildProcessObserver.__init__.__defaults__ = (0,)
if "LOCAL_RANK" not in os.environ:
    CheckpointIndex.save = slow
"""
NAN = """
from tests.faults.spoiling import nan_in_passes
spoilt = nan_in_passes(range(6, 100))
spoilt.__enter__()
"""


def test_what_fails_on_all_ranks_is_recorded_and_the_checkpoint_under_way_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = Command(folder, both=SLOW + NAN)
    assert command.wait() == 2, command.said()
    home = runs.home(folder)
    (row,) = home.rows()
    assert row.status == "failed" and "gradients must be finite, but in optimizer step" in row.reason
    assert [entry.step for entry in home.index(0).entries()] == [4]
    assert "gradients must be finite" in (home.logs(0) / "log.txt").read_text()


@pytest.mark.parametrize("words", [(), ("trainer.deadline=null",)])
def test_a_process_that_never_comes_is_named_by_the_one_that_started_it(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    command = Command(tmp_path / "run", *words, body="os._exit(3)")
    assert command.wait() == 1, command.said()
    assert "local rank 1 (process" in command.said() and "has ended with code 3" in command.said()


#: in the fourth forward pass rank 1 is gone, and rank 0 does not come back
STUCK = """
import threading, torch
from leyden.backends.torch import watch
watch.LEAVE_WITHIN = 0.0
passes = []

def spoil(module, inputs, output):
    passes.append(isinstance(module, torch.nn.Dropout))
    if sum(passes) == 4:
        os._exit(3) if os.environ.get("LOCAL_RANK") == "1" else threading.Event().wait()

torch.nn.modules.module.register_module_forward_hook(spoil)
"""


def test_a_process_that_is_lost_takes_along_one_that_does_not_notice(tmp_path: Path) -> None:
    command = Command(tmp_path / "run", both=STUCK)
    assert command.wait() == 1, command.said()
    assert "has ended with code 3, and rank 0 waits for it in vain" in command.said()


def test_an_error_between_two_votes_reaches_whoever_waits_for_the_process(tmp_path: Path) -> None:
    """Though the process does not leave; it waits until the other has heard."""
    here, there = os.pipe()

    class Failing(Callback):
        def on_step_end(self, fit: Fit, /) -> None:
            raise ValueError("bad callback")

    def work(rank: int) -> int:
        expected, words = (ValueError, "bad callback") if rank else (RankError, "has left; see its message")
        with pytest.raises(expected, match=words):
            train(toy_parts(trainer={"devices": 2}, callbacks=[Failing()] if rank else []), tmp_path / "run")
        os.read(here, 1) if rank else os.write(there, b"!")
        return 0

    children = ranks(2, work, tmp_path / "log")
    assert [child.wait(60) for child in children] == [0, 0], children[0].said()
