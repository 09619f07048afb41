"""Checkpoints hold the state at their border to the bit, while training goes on before they are copied."""

from __future__ import annotations

import math
import os
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn

from leyden.backends.torch import staging
from leyden.backends.torch.closed import closed_weights
from leyden.backends.torch.deferred import ChangedError, Deferred
from leyden.backends.torch.saver import FailedSaveWarning
from leyden.losses.cross_entropy import CrossEntropy
from leyden.models.cnn import cnn
from leyden.models.mlp import mlp
from leyden.models.model import Interface
from leyden.models.transformer import transformer
from leyden.tasks.classification import Classification
from tests.backends.torch.late import Late
from tests.backends.torch.ranks import on_ranks
from tests.backends.torch.test_lightning_parts import Users
from tests.backends.torch.toy import newest, toy_parts, train

EVERY_STEP: dict[str, Any] = {"save_top_k": -1, "every": "1 steps"}
MOMENT = "checkpoint.optimizer_states[0].state.0.exp_avg"
WEIGHT = "checkpoint.state_dict.model.0.weight"
AVERAGE = "checkpoint.leyden.driver.average.0.weight"


def known() -> nn.Module:
    """Running statistics and dropout, of modules that write no weights."""
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """With momentum."""
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    return Late(monkeypatch)


RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "average": {"ema": {"decay": 0.9}},
    "average_now_and_then": {"ema": {"decay": 0.9, "every": 3}},
    "validation_of_the_average_after_every_save": {
        "ema": {"decay": 0.9},
        "trainer": {"val_check_interval": "1 steps"},
    },
    "micro_batches": {"data": {"micro_batch_size": 7}},
    "four_steps_a_call": {"trainer": {"steps_per_call": 4}, "ema": {"decay": 0.9}},
    "clipped_bf16": {"trainer": {"precision": "bf16-mixed", "gradient_clip_val": 0.5}},
    "sgd": {"optimizer": sgd},
    "fused": {"optimizer": lambda m: torch.optim.AdamW(m.parameters(), lr=0.01, fused=True)},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_checkpoint_is_the_state_at_its_border(name: str, late: Late, tmp_path: Path) -> None:
    train(toy_parts(model=known, checkpoint=EVERY_STEP, **RUNS[name]), tmp_path)
    assert late.differences(tmp_path) == []
    assert WEIGHT in late.promised
    assert (MOMENT in late.promised) == ("optimizer" not in RUNS[name] or name == "fused")
    assert (AVERAGE in late.promised) == ("ema" in RUNS[name])


def test_the_average_waits_for_its_copy_where_an_update_is_left_out(late: Late, tmp_path: Path) -> None:
    class Breaks(CrossEntropy):
        def total(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return super().total(outputs, targets) * (math.nan if len(late.borders) % 3 == 2 else 1.0)

    settings = {"trainer": {"non_finite": "skip"}, "ema": {"decay": 0.5}, "checkpoint": EVERY_STEP}
    with pytest.warns(UserWarning, match="the step is left out"):
        train(toy_parts(model=known, terms={"ce": Breaks()}, **settings), tmp_path)
    assert late.differences(tmp_path) == []


def test_the_end_of_a_fit_waits_for_copies(late: Late, tmp_path: Path) -> None:
    class Spoils(pl.Callback):
        def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
            for weight in pl_module.parameters():
                weight.data.zero_()

    train(toy_parts(model=known, callbacks=[Spoils()], checkpoint=EVERY_STEP), tmp_path)
    assert late.differences(tmp_path) == []
    assert newest(tmp_path)["state_dict"]["model.0.weight"].any()


@pytest.mark.parametrize("hook", ["on_train_epoch_start", "on_train_batch_start"])
def test_callbacks_that_write_weights_before_a_step_wait_for_copies(
    hook: str, late: Late, tmp_path: Path
) -> None:
    class Shrinks(pl.Callback):
        pass

    def shrink(self: Any, trainer: Any, pl_module: Any, *args: Any) -> None:
        for weight in pl_module.parameters():
            weight.data.mul_(0.99)

    setattr(Shrinks, hook, shrink)
    train(toy_parts(model=known, callbacks=[Shrinks()], checkpoint=EVERY_STEP), tmp_path)
    assert late.differences(tmp_path) == []


def test_weights_that_a_forward_pass_writes_unseen_are_copied_in_the_save(late: Late, tmp_path: Path) -> None:
    class Clamps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            self.out.weight.data.mul_(0.9)
            return self.out(x)

    train(toy_parts(model=Clamps, checkpoint=EVERY_STEP), tmp_path)
    assert late.differences(tmp_path) == []
    assert "checkpoint.state_dict.model.out.weight" not in late.promised and MOMENT in late.promised


def test_what_follows_a_validation_that_was_left_for_a_signal_waits_for_copies(
    late: Late, tmp_path: Path
) -> None:
    class Spoils(pl.Callback):
        def on_validation_batch_start(self, *args: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
            for weight in pl_module.parameters():
                weight.data.zero_()

    parts = toy_parts(model=known, ema={"decay": 0.9}, callbacks=[Spoils()], checkpoint=EVERY_STEP)
    assert train(parts, tmp_path).exit_code == 75
    assert newest(tmp_path)["leyden"]["session"]["position"] == {"step": 7, "pending": "validate"}
    assert late.differences(tmp_path) == []


def test_a_users_module_is_copied_in_the_save(late: Late, tmp_path: Path) -> None:
    train(toy_parts(model=Users, checkpoint=EVERY_STEP, foreign=True), tmp_path)
    assert late.differences(tmp_path) == [] and not late.promised


def test_rank_0_of_two_copies_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(rank: int) -> int:
        late = Late(monkeypatch)
        train(toy_parts(model=known, checkpoint=EVERY_STEP, trainer={"devices": 2}), tmp_path)
        return 0 if rank or (late.differences(tmp_path) == [] and WEIGHT in late.promised) else 1

    assert on_ranks(2, work) == [0, 0]


def test_a_weight_that_is_written_outside_of_an_update_fails_that_save_by_name(
    late: Late, tmp_path: Path
) -> None:
    made: list[nn.Module] = []

    def held() -> nn.Module:
        made[:] = [known()]
        return made[0]

    class Writes(CrossEntropy):
        def total(self, outputs: Tensor, targets: Tensor) -> Tensor:
            if len(late.borders) == 5:
                with torch.no_grad():
                    made[0].get_parameter("0.weight").mul_(0.9)
                late.promised.clear()
            return super().total(outputs, targets)

    with pytest.warns(FailedSaveWarning, match=f"{re.escape(WEIGHT)} was written while it was copied"):
        train(toy_parts(model=held, terms={"ce": Writes()}, checkpoint=EVERY_STEP), tmp_path)
    assert len(late.borders) == 21
    del late.borders[4]
    assert late.differences(tmp_path) == []  # all others are there, and right
    assert not late.promised  # nobody is trusted any more


def test_a_writer_notices_what_was_written_before_it_was_released() -> None:
    source, copy = torch.zeros(3), torch.empty(3)
    later = Deferred()
    later.promise(source, copy, (None, ".{}", "a"))
    later.make()
    later.check()
    source.add_(1)
    with pytest.raises(ChangedError, match=r"checkpoint\.a was written"):
        later.check()
    later.release()
    with pytest.raises(ChangedError, match=r"checkpoint\.a was written"):
        later.check()


def test_what_is_written_after_the_release_fails_nothing() -> None:
    source, copy = torch.zeros(3), torch.empty(3)
    later = Deferred()
    later.promise(source, copy, None)
    later.make()
    later.release()
    source.add_(1)
    later.check()
    assert copy.tolist() == [0, 0, 0]


@pytest.mark.parametrize("every", ["1 steps", "5 steps"])  # with and without a border before the first save
def test_where_there_is_no_memory_for_copies_the_loop_waits_for_the_file(
    every: str, late: Late, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: Any, **settings: Any) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes")

    monkeypatch.setattr(staging.torch, "empty_like", none)
    train(toy_parts(model=known, optimizer=sgd, checkpoint={**EVERY_STEP, "every": every}), tmp_path)
    assert late.differences(tmp_path) == [] and not late.promised


def test_memory_for_the_first_save_is_ready_before_it(
    late: Late, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []  # when memory was allocated, and of what shape
    empty_like = torch.empty_like

    def noted(source: Tensor, **settings: Any) -> Tensor:
        made.append(f"{'at a border' if late.borders else 'before'} {tuple(source.shape)}")
        return empty_like(source, **settings)

    monkeypatch.setattr(staging.torch, "empty_like", noted)
    train(toy_parts(model=known, checkpoint={**EVERY_STEP, "every": "5 steps"}), tmp_path)
    assert made.count("before (16, 8)") == 3 and "at a border (16, 8)" not in made  # a weight and its moments
    assert late.differences(tmp_path) == []


def test_memory_is_used_again_and_what_is_shared_stays_shared() -> None:
    held, big, small = staging.Staging(), torch.ones(2, 3), torch.ones(2)
    first, _ = held.copy({"a": big, "b": [big, small], "c": big.T})
    assert first["a"] is first["b"][0] and first["c"] is not first["a"]
    addresses = {t.data_ptr() for t in (first["a"], first["b"][1], first["c"])}
    second, _ = held.copy({"b": [small * 2, big * 2], "c": (big * 2).T})
    assert {t.data_ptr() for t in (*second["b"], second["c"])} == addresses
    assert second["c"].tolist() == [[2, 2]] * 3 and second["b"][0].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("make", "shape"), [(mlp, (8,)), (cnn, (1, 28, 28)), (partial(transformer, vocab_size=5, depth=1), (7,))]
)
def test_weights_of_our_models_are_deferred(make: Any, shape: tuple[int, ...]) -> None:
    kind = "int64" if len(shape) == 1 and shape[0] == 7 else "float32"
    model = make(Interface(input_shape=shape, input_dtype=kind, num_outputs=3))
    assert closed_weights(model, Classification(num_classes=3))


def with_forward(model: nn.Module) -> None:
    model[0].forward = lambda x: x  # type: ignore[index]


@pytest.mark.parametrize(
    "change",
    [
        with_forward,
        lambda m: m.append(nn.Embedding(4, 4, max_norm=1.0)),
        lambda m: m[0].register_forward_hook(lambda *a: None),
        lambda m: m[0].register_forward_pre_hook(lambda *a: None),
        lambda m: m[0].register_full_backward_hook(lambda *a: None),
        lambda m: m[0].weight.register_hook(lambda g: g),
        lambda m: m[0].weight.register_post_accumulate_grad_hook(lambda p: None),
        lambda m: nn.utils.parametrizations.weight_norm(m[0]),
    ],
)
def test_where_other_code_may_run_in_a_forward_or_backward_pass_weights_are_not_deferred(
    change: Callable[[Any], object],
) -> None:
    model = known()
    assert closed_weights(model, Classification(num_classes=3))
    change(model)
    assert not closed_weights(model, Classification(num_classes=3))


def test_nor_are_they_where_the_task_is_a_users() -> None:
    class Mine(Classification):
        pass

    assert not closed_weights(known(), Mine(num_classes=3))


def test_nor_are_they_where_a_hook_is_on_every_module() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *args: None)
    try:
        assert not closed_weights(known(), Classification(num_classes=3))
    finally:
        handle.remove()
