"""How a fit ended, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best checkpoint by ``checkpoint.monitor``."""

    value: float
    step: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a backend hands back after one repeat.

    ``finished``: the plan was carried out. ``stopped``: a callback ended the run early, in good order.
    ``interrupted``: a signal did; the state is saved and the same command goes on.
    """

    status: Literal["finished", "stopped", "interrupted"]
    steps: int
    epochs: int  # completed epochs
    metrics: dict[str, float] = field(
        default_factory=dict[str, float]
    )  # the newest value of everything measured
    best: Best | None = None
    seconds: float = 0.0  # of this process, not of runs that it went on from
    weights_sha256: str = ""
    exit_code: int = 0  # 75 after SIGTERM or SIGUSR1, 130 after Ctrl-C
    reason: str = ""  # why a callback stopped the run
