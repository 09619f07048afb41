"""Lengths of a schedule: from durations to optimizer steps, and what can be wrong with them."""

from __future__ import annotations

from leyden.schedules.schedule import Horizon
from leyden.spec.durations import Duration

NO_STEPS = Duration(value=0, unit="steps")
ONE_EPOCH = Duration(value=1, unit="epochs")


def in_steps(length: Duration, horizon: Horizon) -> int:
    """Optimizer steps of ``length``; a ValueError if a clock measures it: no function of the step."""
    return length.steps(horizon.steps, horizon.steps_per_epoch)


def length_problems(key: str, length: Duration, horizon: Horizon, *, least: int = 1) -> list[str]:
    """What is wrong with a length that must be ``least`` steps or more."""
    try:
        steps = in_steps(length, horizon)
    except ValueError as error:
        return [f"{key}: {error}"]
    if steps < least:
        return [
            f"{key} must be {least} step or more, but {length} is {steps} steps here; write a longer duration"
        ]
    return []


def warmup_problems(warmup: Duration, horizon: Horizon) -> list[str]:
    """A warm-up that leaves nothing of the run to the schedule itself."""
    if found := length_problems("warmup", warmup, horizon, least=0):
        return found
    steps = in_steps(warmup, horizon)
    if steps and steps >= horizon.steps:
        return [
            f"warmup must be shorter than the run, but it takes {steps} of {horizon.steps} steps; "
            "shorten warmup or train longer (trainer.max_epochs)"
        ]
    return []
