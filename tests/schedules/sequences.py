"""Golden files, and a schedule as a list of numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leyden.schedules.schedule import Horizon, Schedule

EXACT = {"rel": 1e-12, "abs": 0}


def golden(name: str) -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())


def sequence(schedule: Schedule, base: float, epochs: int, per_epoch: int) -> list[float]:
    horizon = Horizon(steps=epochs * per_epoch, steps_per_epoch=per_epoch)
    return [schedule.value(step, base, horizon) for step in range(horizon.steps)]
