"""The optimizer step: what it adds up, what it clips, what it does when memory or numbers run out."""

from __future__ import annotations

import math
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from leyden.backends.torch.fit import fit
from leyden.backends.torch.gradients import Gradients
from leyden.backends.torch.guard import NonFiniteError
from leyden.backends.torch.memory import is_out_of_memory
from leyden.backends.torch.place import Place
from leyden.callbacks.early_stopping import EarlyStopping
from leyden.runs.folder import RunFolder
from tests.backends.torch.death import KILLED, Killer, differences, in_child, what_must_agree
from tests.backends.torch.toy import Net, newest, records, toy_parts, train, weights

STILL = partial(Net, dropout=0.0)

pytestmark = pytest.mark.filterwarnings("ignore::leyden.backends.torch.shortage.ShortageWarning")


class Hungry(Net):
    """Runs out of memory with more than ``limit`` samples at once."""

    def __init__(self, limit: int, error: Exception | None = None, dropout: float = 0.0) -> None:
        super().__init__(dropout)
        self.limit, self.error = limit, error or torch.OutOfMemoryError("injected")
        self.tried: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.tried.append(len(x))
            if len(x) > self.limit:
                raise self.error
        return super().forward(x)


def test_a_step_that_runs_out_of_memory_is_taken_in_halves_and_gives_the_same_weights(tmp_path: Path) -> None:
    hungry = Hungry(5)
    train(toy_parts(model=STILL), tmp_path / "rich")
    train(toy_parts(model=lambda: hungry), tmp_path / "poor")
    assert hungry.tried[:7] == [16, 8, 4, 4, 4, 4, 4]  # found once, then remembered
    rich, poor = weights(tmp_path / "rich"), weights(tmp_path / "poor")
    # made under another stream of generators, so only sizes and not values can be compared
    assert rich.keys() == poor.keys()
    assert newest(tmp_path / "poor")["leyden"]["driver"]["memory"]["size"] == 4


def test_the_update_without_enough_memory_is_the_update_with_it(tmp_path: Path) -> None:
    train(toy_parts(model=STILL), tmp_path / "rich")
    train(toy_parts(model=partial(Hungry, 5)), tmp_path / "poor")
    rich, poor = weights(tmp_path / "rich"), weights(tmp_path / "poor")
    assert max(float((rich[name] - poor[name]).abs().max()) for name in rich) < 1e-6


def test_one_sample_that_does_not_fit_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(torch.OutOfMemoryError, match="injected"):
        train(toy_parts(model=partial(Hungry, 0)), tmp_path)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_shortage_of_memory_is_told_from_other_errors(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) == is_one


class Poisoned(Net):
    """Gives NaN from its sixth batch on."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches += self.training
        return super().forward(x) * (float("nan") if self.training and self.batches > 5 else 1.0)


def test_a_gradient_that_is_not_finite_ends_the_run_before_it_touches_a_weight(tmp_path: Path) -> None:
    kept: list[Net] = []

    def optimizer(model: Net) -> torch.optim.Optimizer:
        kept.append(model)
        return torch.optim.SGD(model.parameters(), lr=0.1)

    with pytest.raises(NonFiniteError, match="optimizer step 5 one is NaN"):
        train(toy_parts(model=Poisoned, optimizer=optimizer), tmp_path)
    assert all(bool(torch.isfinite(p).all()) for p in kept[0].parameters())
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("double", [False, True])
def test_norm_and_clipping_are_torchs(double: bool) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, dtype=torch.float64 if double else None))
    twin = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, dtype=torch.float64 if double else None))
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        one.grad = torch.randn_like(one) * 9
        other.grad = one.grad.clone()
    gradients = Gradients(net, Place(), 1.5, "norm")
    norm = gradients.norm(gradients.present())
    gradients.clip(gradients.present(), norm)
    assert float(norm) == pytest.approx(float(nn.utils.clip_grad_norm_(twin.parameters(), 1.5)))
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    by_value = Gradients(net, Place(), 0.1, "value")
    by_value.clip(by_value.present(), norm)
    nn.utils.clip_grad_value_(twin.parameters(), 0.1)
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_the_moving_average_is_torchs_and_is_what_validation_sees(tmp_path: Path) -> None:
    reference: list[AveragedModel] = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            super().step()
            reference[0].update_parameters(kept[0])

    kept: list[nn.Module] = []

    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        kept.append(model)
        reference.append(AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8)))
        reference[0].update_parameters(model)  # the first update is a copy
        return Watched(model.parameters(), lr=0.5)

    parts = toy_parts(model=STILL, optimizer=optimizer, schedules={}, ema={"decay": 0.8})
    outcome = train(parts, tmp_path)
    average = newest(tmp_path)["leyden"]["driver"]["average"]
    for name, parameter in reference[0].module.named_parameters():
        torch.testing.assert_close(average[name], parameter.detach())
    from leyden.backends.torch.fit import evaluate

    checkpoint = next((tmp_path / "checkpoints" / "repeat_0").glob("step=21.ckpt"))
    assert evaluate(parts, checkpoint, "val")["val/loss"] == pytest.approx(
        outcome.metrics["val/loss"], abs=1e-12
    )


def test_rates_follow_the_schedule_in_every_group(tmp_path: Path) -> None:
    def optimizer(model: Net) -> torch.optim.Optimizer:
        first, second = list(model.parameters())[:2], list(model.parameters())[2:]
        return torch.optim.AdamW([{"params": first}, {"params": second, "lr": 0.001}], lr=0.01)

    train(toy_parts(optimizer=optimizer), tmp_path)
    for row in records(tmp_path):
        if "lr" in row:
            assert row["lr"] == pytest.approx(0.01 * (1 - 0.9 * (row["step"] - 1) / 21))
            assert row["lr/1"] == pytest.approx(row["lr"] / 10)


def test_early_stopping_goes_on_counting_after_a_death(tmp_path: Path) -> None:
    def parts(*more: Any) -> Any:
        stopping = EarlyStopping(monitor="val/loss", patience=2, min_delta=5.0)
        return toy_parts(callbacks=[stopping, *more], trainer={"max_epochs": 9})

    assert train(parts(), tmp_path / "untouched").status == "stopped"
    assert in_child(lambda: train(parts(Killer("on_step_end", 17)), tmp_path / "killed").steps) == KILLED
    outcome = train(parts(), tmp_path / "killed")
    assert (outcome.status, outcome.steps) == ("stopped", 21)
    trees = [what_must_agree(newest(tmp_path / name), tmp_path / name) for name in ("untouched", "killed")]
    assert differences(*trees) == []


def test_a_run_that_is_hurt_before_its_first_checkpoint_says_that_it_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passes = count(1)

    class Hurt(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * (math.nan if self.training and next(passes) in (5, 17) else 1.0)

    outcome = fit(lambda: toy_parts(model=Hurt, trainer={"non_finite": "restore"}), RunFolder(tmp_path))
    said = [record.message for record in caplog.records if "halved" in record.message]
    assert outcome.status == "finished" and len(said) == 2
    assert said[0].endswith("beginning anew: there is no checkpoint yet")
    assert said[1].endswith("going back to the newest checkpoint")
    assert "No checkpoint has it in it." in said[0]
