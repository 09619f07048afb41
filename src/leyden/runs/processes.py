"""Which of a run's processes this one is, as whoever started it says."""

from __future__ import annotations

import os


def rank() -> int:
    """The global rank; 0 where nobody says anything."""
    return _first("RANK", "SLURM_PROCID", "LOCAL_RANK")


def several() -> bool:
    """Whether there are others; unknown to the process that is going to start them."""
    return _first("WORLD_SIZE", "SLURM_NTASKS") > 1


def _first(*names: str) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()), 0)
