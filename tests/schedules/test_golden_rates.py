"""Learning rates that a sequence-training toolkit computed, one number a batch (``golden/*.json``).

There a schedule is told its own peak (``max_lr``); here the peak is the base value. Where that toolkit is at
fault, the test states its sequence and ours, so that the difference is a decision and no accident.
"""

from __future__ import annotations

from typing import Any

import pytest

from leyden.schedules.chained import Chained
from leyden.schedules.constant import Constant
from leyden.schedules.cosine import Cosine
from leyden.schedules.linear import Linear
from leyden.schedules.rex import Rex
from leyden.schedules.schedule import Schedule
from leyden.schedules.staircase import Staircase
from leyden.spec.durations import Duration
from tests.schedules.sequences import EXACT, golden, sequence


def cosine(warmup: int, cycle: int, restarts: bool = True, **more: Any) -> Cosine:
    return Cosine(
        min=1e-5,
        warmup=Duration(warmup, "epochs"),
        warmup_start=1e-5,
        cycle=Duration(cycle, "epochs"),
        restarts=restarts,
        **more,
    )


@pytest.mark.parametrize(
    ("name", "schedule", "base"),
    [
        ("constant_none", Constant(), 1e-3),
        ("constant_lr", Constant(level=5e-4), 1e-3),
        ("linear", Linear(end=1e-5), 0.01),
        ("linear_log", Linear(end=1e-5, log=True), 0.01),
        ("cosine_default", cosine(1, 2), 0.01),
        ("cosine_norestart", cosine(1, 2, restarts=False), 0.01),
        ("cosine_soft", cosine(1, 2, soft_restart=True, amplitude_decay=0.7), 0.01),
        ("cosine_epoch", Staircase(schedule=cosine(1, 4)), 0.01),
        ("cosine_epoch_nowarm", Staircase(schedule=cosine(0, 4)), 0.01),
        ("cosine_bpa3", Staircase(schedule=cosine(1, 2), every=Duration(3, "steps")), 0.01),
        (
            "rex_maxlr_set_no_initial_lr",
            Rex(warmup=Duration(1, "epochs"), warmup_start=1e-6, warmup_shape="cosine"),
            0.01,
        ),
    ],
)
def test_sequence_is_reproduced_exactly(name: str, schedule: Schedule, base: float) -> None:
    given = golden(name)
    ours = sequence(schedule, base, given["max_epochs"], given["batches_per_epoch"])
    assert ours == pytest.approx(given["lr"], **EXACT)


def test_cosine_without_warmup_does_not_use_the_peak_twice() -> None:
    """There the first change is made after the second batch, so the whole sequence runs one step late."""
    given = golden("cosine_nowarm")
    ours = sequence(cosine(0, 2), 0.01, given["max_epochs"], given["batches_per_epoch"])
    assert given["lr"][0] == given["lr"][1] == ours[0]
    assert given["lr"][1:] == pytest.approx(ours[:-1], **EXACT)


def test_cosine_moves_below_1e_9_too() -> None:
    """There changes smaller than 1e-9 are not written, so a rate that small stays where it is for steps."""
    given = golden("cosine_tiny")
    tiny = Cosine(
        min=1e-10,
        warmup=Duration(1, "epochs"),
        warmup_start=1e-10,
        cycle=Duration(2, "epochs"),
        restarts=True,
    )
    ours = sequence(tiny, 2e-9, given["max_epochs"], given["batches_per_epoch"])
    assert len(set(given["lr"])) == 4
    assert len(set(ours[:30])) > 25
    moved = [k for k in range(1, 40) if given["lr"][k] != given["lr"][k - 1]]
    assert [given["lr"][k] for k in moved] == pytest.approx([ours[k] for k in moved], **EXACT)


def test_an_epoch_is_an_epoch_under_accumulation() -> None:
    """There an epoch counts as 3 steps but is made of 12 micro-batches: 2 epochs pass in half of one.

    Here both are optimizer steps: the cycle that began after epoch 1 ends with epoch 3.
    """
    given = golden("cosine_accum4")
    epochs = given["max_epochs"]
    ours = sequence(cosine(1, 2), 0.01, epochs, 3)
    assert given["lr"][9] == 0.01  # a restart in the middle of the first epoch
    assert ours[:9] == pytest.approx(given["lr"][:9], **EXACT)  # the same shape, spread over three epochs
    assert [step for step, rate in enumerate(ours) if rate == 0.01] == [3, 9, 15]


def test_rex_begins_at_its_peak() -> None:
    """There the first batch is trained with ``optimizer.lr``, whatever the schedule says."""
    given = golden("rex_nowarm")
    ours = sequence(Rex(min=1e-5), 0.01, given["max_epochs"], given["batches_per_epoch"])
    assert given["lr"][0] == [given["optimizer_lr"]]
    assert ours[0] == 0.01
    assert ours[1:] == pytest.approx([rate for (rate,) in given["lr"][1:]], **EXACT)


def test_rex_needs_no_peak_of_its_own() -> None:
    """There a missing ``max_lr`` ends the run after one batch; here the peak is ``optimizer.lr``."""
    assert golden("rex_maxlr_none_no_initial_lr")["error"] == "KeyError: 'initial_lr'"
    assert sequence(Rex(min=1e-5), 1e-3, 4, 10)[0] == 1e-3


# Loss weights of the same toolkit: the last step of a window has the final value: 60 steps, 59 intervals.


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("lossweight_linear", Linear(start=0.01, end=0.1, over=Duration(59, "steps"))),
        (
            "lossweight_linear_epoch",
            Staircase(schedule=Linear(start=0.0, end=1.0, over=Duration(5, "epochs"))),
        ),
        (
            "lossweight_linear_window",
            Chained(
                schedules=[Constant(level=0.0), Linear(start=0.0, end=1.0, over=Duration(29, "steps"))],
                durations=[Duration(1, "epochs")],
            ),
        ),
        ("lossweight_exp", Linear(start=1.0, end=0.01, over=Duration(59, "steps"), log=True)),
        ("lossweight_cosine", Cosine(max=1.0, min=0.1, cycle=Duration(59, "steps"))),
    ],
)
def test_loss_weights_are_reproduced_exactly(name: str, schedule: Schedule) -> None:
    given = golden(name)
    ours = sequence(schedule, 1.0, given["max_epochs"], given["batches_per_epoch"])
    assert ours == pytest.approx(given["weights"], **EXACT)
