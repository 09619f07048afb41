"""torch's schedulers, stepped once an optimizer step, as references."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as reference

from leyden.schedules.chained import Chained
from leyden.schedules.cosine import Cosine
from leyden.schedules.exponential import Exponential
from leyden.schedules.linear import Linear
from leyden.schedules.multi_step import MultiStep
from leyden.schedules.one_cycle import OneCycle
from leyden.schedules.plateau import Plateau
from leyden.schedules.polynomial import Polynomial
from leyden.schedules.schedule import Horizon, Schedule
from leyden.schedules.staircase import Staircase
from leyden.schedules.step import Step
from leyden.spec.durations import Duration

BASE, TOTAL, PER_EPOCH = 0.3, 60, 12
HORIZON = Horizon(steps=TOTAL, steps_per_epoch=PER_EPOCH)
Make = Callable[[torch.optim.Optimizer], Any]


def steps(number: int) -> Duration:
    return Duration(number, "steps")


def sgd() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def torch_values(make: Make, every: int = 1) -> list[float]:
    optimizer = sgd()
    scheduler = make(optimizer)
    values: list[float] = []
    for step in range(TOTAL):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0 and step + 1 < TOTAL:
            scheduler.step()
    return values


CASES: dict[str, tuple[Schedule, Make, int]] = {
    "one_cycle": (OneCycle(), lambda o: reference.OneCycleLR(o, BASE, total_steps=TOTAL), 1),
    "one_cycle_linear": (
        OneCycle(pct_start=0.25, anneal_strategy="linear", div_factor=10, final_div_factor=100),
        lambda o: reference.OneCycleLR(
            o, BASE, TOTAL, pct_start=0.25, anneal_strategy="linear", div_factor=10, final_div_factor=100
        ),
        1,
    ),
    "one_cycle_three_phase": (
        OneCycle(three_phase=True, pct_start=0.4),
        lambda o: reference.OneCycleLR(o, BASE, total_steps=TOTAL, three_phase=True, pct_start=0.4),
        1,
    ),
    "polynomial": (Polynomial(power=0.9), lambda o: reference.PolynomialLR(o, TOTAL, power=0.9), 1),
    "polynomial_short": (
        Polynomial(power=2.0, over=steps(20)),
        lambda o: reference.PolynomialLR(o, 20, power=2.0),
        1,
    ),
    "exponential": (Exponential(gamma=0.97, every=steps(1)), lambda o: reference.ExponentialLR(o, 0.97), 1),
    "exponential_by_epoch": (
        Staircase(schedule=Exponential(gamma=0.5)),
        lambda o: reference.ExponentialLR(o, 0.5),
        PER_EPOCH,
    ),
    "step": (Step(step_size=steps(7), gamma=0.3), lambda o: reference.StepLR(o, 7, gamma=0.3), 1),
    "step_by_epoch": (
        Step(step_size=Duration(2, "epochs"), gamma=0.3),
        lambda o: reference.StepLR(o, 2, gamma=0.3),
        PER_EPOCH,
    ),
    "multi_step": (
        MultiStep(milestones=[steps(5), steps(30), steps(31)], gamma=0.3),
        lambda o: reference.MultiStepLR(o, [5, 30, 31], gamma=0.3),
        1,
    ),
    "cosine": (Cosine(min=1e-3), lambda o: reference.CosineAnnealingLR(o, TOTAL, eta_min=1e-3), 1),
    "cosine_by_epoch": (
        Staircase(schedule=Cosine(min=1e-3)),
        lambda o: reference.CosineAnnealingLR(o, TOTAL // PER_EPOCH, eta_min=1e-3),
        PER_EPOCH,
    ),
    "cosine_restarts": (
        Cosine(min=1e-3, cycle=steps(5), restarts=True, period_decay=2.0),
        lambda o: reference.CosineAnnealingWarmRestarts(o, 5, T_mult=2, eta_min=1e-3),
        1,
    ),
    "linear": (
        Linear(start=BASE / 4, end=BASE, over=steps(30)),
        lambda o: reference.LinearLR(o, start_factor=0.25, total_iters=30),
        1,
    ),
    "chained": (
        Chained(
            schedules=[Linear(start=BASE / 10, end=BASE), Step(step_size=steps(9))], durations=[steps(20)]
        ),
        lambda o: reference.SequentialLR(
            o, [reference.LinearLR(o, 0.1, total_iters=20), reference.StepLR(o, 9)], milestones=[20]
        ),
        1,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")  # SequentialLR's own
def test_values_are_torchs(name: str) -> None:
    ours, make, every = CASES[name]
    expected = torch_values(make, every)
    values = [ours.value(step, BASE, HORIZON) for step in range(TOTAL)]
    assert values == pytest.approx(expected, rel=1e-12)  # torch multiplies step by step


@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(("patience", "cooldown"), [(0, 0), (2, 0), (2, 3)])
def test_plateau_moves_when_torchs_does(mode: Any, threshold_mode: Any, patience: int, cooldown: int) -> None:
    settings: dict[str, Any] = {
        "mode": mode, "factor": 0.3, "patience": patience, "cooldown": cooldown, "threshold": 0.02,
        "threshold_mode": threshold_mode,
    }  # fmt: skip
    optimizer = sgd()
    theirs = reference.ReduceLROnPlateau(optimizer, min_lr=1e-3, eps=0, **settings)
    ours = Plateau(min=1e-3, **settings)
    # Positive in both modes: torch lets a negative metric improve by getting worse within the threshold.
    for step in range(1, TOTAL):
        loss = 1 / math.sqrt(step) + 0.2 * math.sin(step) + 0.5
        measured = loss if mode == "min" else 2 - loss
        theirs.step(measured)
        ours.observe(step, {"val/loss": measured}, BASE, HORIZON)
        assert ours.value(step, BASE, HORIZON) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert ours.value(TOTAL, BASE, HORIZON) < BASE
