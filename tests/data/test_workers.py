"""Worker processes end: with their pass, with their program, whatever they are in the middle of."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils.data import _utils

from leyden.data.dataset import Dataset
from leyden.data.loader import Evaluation, Workers
from leyden.data.sources.source import Sample
from tests.data.test_loader import Numbers

HERE = os.getpid()

#: leaves a pass in its middle, held by an error that is on its way when the process ends
PROGRAM = """
import multiprocessing, sys
from tests.data.test_workers import _utils, hanging

def leave():
    batches = iter(hanging(persistent={persistent}))
    assert next(batches).first == 0
    raise ValueError("left")

_utils.MP_STATUS_CHECK_INTERVAL = 0.1
if {forked}:
    process = multiprocessing.get_context("fork").Process(target=leave)
    process.start()
    process.join()
    sys.exit(process.exitcode)
leave()
"""


class Hangs(Numbers):
    """A worker never comes back from a sample, whatever it is sent."""

    def __getitem__(self, index: int, /) -> Sample:
        while index >= 16 and os.getpid() != HERE:
            signal.pause()
        return super().__getitem__(index)


def hanging(persistent: bool) -> Evaluation:
    """Batches the third of which is never made."""
    return Evaluation(Dataset(Hangs(64)), 8, workers=Workers(num=2, persistent=persistent))


@pytest.mark.parametrize("persistent", [True, False])
def test_a_worker_that_hangs_ends_with_its_pass(persistent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.1)  # for how long torch waits for a worker
    batches = iter(hanging(persistent))
    assert next(batches).first == 0
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    del batches
    assert not any(worker.is_alive() for worker in workers)


@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("forked", [False, True], ids=["program", "forked"])
def test_a_process_ends_although_its_workers_hang(persistent: bool, forked: bool) -> None:
    program = PROGRAM.format(persistent=persistent, forked=forked)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,  # it would be for ever
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: left") and "Exception ignored" not in done.stderr
