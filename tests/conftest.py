"""What every test stands on: one thread, nothing from the environment, run folders under ``tmp_path``."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before torch is imported anywhere: many threads slow small tensors down, and sums vary with them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

# From these Lightning tells whether a cluster started it; no developer's shell may change what a test sees.
CLUSTER = ("SLURM_JOB_ID", "SLURM_NTASKS", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
for name in CLUSTER:
    os.environ.pop(name, None)

# A busy machine is no failure.
settings.register_profile("leyden", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leyden")


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage of runs, which collect it themselves, need not be sought there."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No override of a run file comes from the shell that runs the tests."""
    for name in list(os.environ):
        if name.startswith("LEYDEN__"):
            monkeypatch.delenv(name)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder for run folders: ``folder.root`` of a run file under test."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder
