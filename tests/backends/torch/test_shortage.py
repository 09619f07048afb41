"""Memory that runs out for a while or for good: the numbers are as if it had not, and people are told."""

from __future__ import annotations

import logging
import signal
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch import reports
from leyden.backends.torch.shortage import ShortageError, ShortageWarning
from leyden.backends.torch.working_size import WorkingSize
from tests.backends.torch.death import KILLED, Killer, differences, in_child, what_must_agree
from tests.backends.torch.ranks import on_ranks
from tests.backends.torch.test_lightning_parts import Users
from tests.backends.torch.toy import Net, newest, toy_parts, train, weights

QUIET = pytest.mark.filterwarnings("ignore::leyden.backends.torch.shortage.ShortageWarning")


class Block(nn.Module):
    """Runs out of memory with more than ``limit`` samples at once, where ``short`` says so."""

    def __init__(self, limit: int, short: Callable[[torch.Tensor], bool] = lambda x: True) -> None:
        super().__init__()
        self.limit, self.short = limit, short
        self.tried: list[int] = []  # in training
        self.measured: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (self.tried if self.training else self.measured).append(len(x))
        if len(x) > self.limit and self.short(x):
            raise torch.OutOfMemoryError("injected: tried to allocate 3 GiB")
        return x


class Hungry(nn.Module):
    """Dropout, and a hungry block in the middle."""

    def __init__(self, limit: int = 1000, short: Callable[[torch.Tensor], bool] = lambda x: True) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.2))
        self.hungry = Block(limit, short)
        self.last = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.hungry(self.first(x)))


class Normed(Hungry):
    """With running statistics before and behind the block."""

    def __init__(self, limit: int = 1000) -> None:
        super().__init__(limit)
        self.first.append(nn.BatchNorm1d(16))
        self.last.insert(0, nn.BatchNorm1d(16, momentum=None))


def moody(x: torch.Tensor) -> bool:
    """A shortage in some batches: whether there is one is a function of the numbers."""
    return bool(x.detach().sum() > 0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger pieces are tried after two steps already."""
    monkeypatch.setattr(WorkingSize, "PATIENCE", 2)


def but_sizes(tree: dict[str, Any]) -> dict[str, Any]:
    """Without what is remembered of sizes."""
    tree["leyden"]["driver"].pop("memory")
    tree["leyden"]["ranks"][0]["driver"].pop("evaluation")
    return tree


@QUIET
@pytest.mark.parametrize("accelerated", [{}, {"trainer": {"precision": "bf16-mixed"}}])
def test_a_shortage_and_its_tries_leave_no_trace(
    accelerated: dict[str, Any], tmp_path: Path, impatient: None
) -> None:
    """To the last bit: dropout, running statistics and optimizer are those of the run in such pieces."""
    models: list[Hungry] = []

    def poor() -> Hungry:
        models.append(Normed(4))
        return models[0]

    def trained(folder: Path, **settings: Any) -> dict[str, Any]:
        train(toy_parts(**settings, **accelerated), folder)
        return but_sizes(what_must_agree(newest(folder), folder))

    found = trained(tmp_path / "poor", model=poor, data={"eval_batch_size": 4})
    failures = [size for size in models[0].hungry.tried if size > 4]
    assert failures == [16, 8, 8, 5, 8]  # found, then tried after 2, 4 and 8 steps
    rich = trained(tmp_path / "rich", model=Normed, data={"eval_batch_size": 4, "micro_batch_size": 4})
    assert differences(rich, found) == []


@QUIET
def test_what_a_failed_attempt_held_is_gone_before_the_next(tmp_path: Path) -> None:
    class Remembering(Hungry):
        """Knows which of the tensors that failed are still there; its error has another before it."""

        def __init__(self) -> None:
            super().__init__(4)
            self.failed: list[weakref.ref[torch.Tensor]] = []
            self.alive: list[bool] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.alive += [ref() is not None for ref in self.failed]
            hidden = self.first(x)
            try:
                return self.last(self.hungry(hidden))
            except torch.OutOfMemoryError as error:
                self.failed.append(weakref.ref(hidden))
                raise torch.OutOfMemoryError("another") from error

    models: list[Remembering] = []

    def model() -> Remembering:
        models.append(Remembering())
        return models[0]

    train(toy_parts(model=model), tmp_path)
    assert len(models[0].failed) == 3 and not any(models[0].alive)  # 16 and 8, and 7 in a validation


@QUIET
def test_after_a_shortage_that_passes_whole_batches_are_trained_on_again(
    tmp_path: Path, impatient: None
) -> None:
    models: list[Hungry] = []

    def model() -> Hungry:
        models.append(Hungry(4, lambda x: len(models[0].hungry.tried) < 12))
        return models[0]

    train(toy_parts(model=model, data={"eval_batch_size": 16}), tmp_path)
    tried = models[0].hungry.tried
    assert tried[:3] == [16, 8, 4] and tried[-4:] == [16, 16, 16, 5]
    state = newest(tmp_path)["leyden"]["driver"]["memory"]
    assert (state["size"], state["wait"], state["proved"]) == (16, 2, 0)  # as if nothing had been


MOODY: dict[str, Any] = {
    "trainer": {"val_check_interval": "5 steps"},
    "checkpoint": {"every": "1 step"},
    "trackers": [],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that was short of memory now and then, and never killed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(WorkingSize, "PATIENCE", 2)
        warnings.simplefilter("ignore", ShortageWarning)
        train(toy_parts(model=partial(Hungry, 3, moody), **MOODY), folder)
    return newest(folder)


@QUIET
@pytest.mark.parametrize(
    ("hook", "step"), [("on_step_end", 3), ("on_step_end", 8), ("on_step_end", 13), ("on_validation_end", 15)]
)
def test_a_run_killed_while_it_waits_or_tries_ends_as_if_it_had_not_been(
    hook: str, step: int, whole: dict[str, Any], tmp_path: Path, impatient: None
) -> None:
    leyden = whole["leyden"]
    remembered = leyden["driver"]["memory"], leyden["ranks"][0]["driver"]["evaluation"]
    assert all(state["wait"] > 2 for state in remembered)  # there is something to forget

    def parts(*callbacks: Killer) -> Any:
        return toy_parts(model=partial(Hungry, 3, moody), callbacks=list(callbacks), **MOODY)

    assert in_child(lambda: train(parts(Killer(hook, step)), tmp_path).steps) == KILLED
    train(parts(), tmp_path)
    again = newest(tmp_path)
    for tree in (leyden, again["leyden"]):
        tree["seconds"], tree["session"]["callbacks"] = 0, {}
    assert differences(whole, again) == []


@QUIET
def test_a_validation_that_is_left_is_done_again_in_the_pieces_it_began_with(
    tmp_path: Path, impatient: None
) -> None:
    class Signalled(Hungry):
        """Gets a signal in the third pass of a validation, when sizes have changed already."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs = super().forward(x)
            if not self.training and len(self.hungry.measured) == 7:
                signal.raise_signal(signal.SIGTERM)
            return outputs

    def settings(model: Callable[[], nn.Module]) -> dict[str, Any]:
        return {"model": model, "data": {"eval_batch_size": 5}}

    train(toy_parts(**settings(partial(Hungry, 3))), tmp_path / "whole")
    left = train(toy_parts(**settings(partial(Signalled, 3))), tmp_path / "left")
    assert (left.status, left.steps) == ("interrupted", 7)
    train(toy_parts(**settings(partial(Hungry, 3))), tmp_path / "left")
    trees = [what_must_agree(newest(tmp_path / name), tmp_path / name) for name in ("whole", "left")]
    assert differences(*trees) == []


def test_a_shortage_is_told_once_with_where_how_and_what_helps(tmp_path: Path, impatient: None) -> None:
    with pytest.warns(ShortageWarning) as told:
        train(toy_parts(model=partial(Hungry, 4), data={"eval_batch_size": 4}), tmp_path)
    page = (tmp_path / "logs" / "repeat_0" / "oom_report.txt").read_text()
    texts = [str(one.message) for one in told if one.category is ShortageWarning]
    where = "memory ran out in the forward pass of optimizer step {} in module `hungry` (Block)"
    assert [text.partition(";")[0] for text in texts] == [
        f"{where.format(0)} with 16 samples at once",
        f"{where.format(6)} with 5 samples at once",
    ]  # 8 were too many three times, which is no news
    assert "the same samples go through 4 at a time now, and more are tried after 2 steps" in texts[0]
    assert "What helps: `data.micro_batch_size: 4`" in texts[0]
    assert page.startswith(f"M{texts[0].partition('. ')[0][1:]}")
    for what in ("injected: tried to allocate 3 GiB", "resident", "optimizer state", "parameters", "batch"):
        assert what in page
    assert "0.2 KiB  last.1" in page and "What 4 samples keep of a forward pass" in page  # 4 x 16 floats


def test_a_shortage_of_a_validation_is_told_as_one(tmp_path: Path) -> None:
    model = partial(Hungry, 4)
    with pytest.warns(ShortageWarning, match="forward pass of the validation after optimizer step 6") as told:
        train(toy_parts(model=model, data={"micro_batch_size": 4, "eval_batch_size": 7}), tmp_path)
    assert "What helps: `data.eval_batch_size: 4`" in str(told[0].message)
    assert len([one for one in told if one.category is ShortageWarning]) == 1


class Greedy(torch.optim.AdamW):
    """Runs out of memory in the middle of making its state, so often."""

    def __init__(self, model: nn.Module, times: int) -> None:
        super().__init__(model.parameters(), lr=0.01)
        self.left = times

    def step(self, closure: Any = None) -> Any:
        if self.left > 0:
            self.left -= 1
            first = self.param_groups[0]["params"][0]
            self.state[first] = {"exp_avg": torch.zeros_like(first), "exp_avg_sq": torch.zeros_like(first)}
            raise torch.OutOfMemoryError("injected")
        return super().step(closure)


def test_a_shortage_of_an_update_is_told_as_one_and_changes_nothing(tmp_path: Path) -> None:
    train(toy_parts(optimizer=partial(Greedy, times=0)), tmp_path / "rich")
    with pytest.warns(ShortageWarning, match="in the update of optimizer step 0; what the activations had"):
        train(toy_parts(optimizer=partial(Greedy, times=1)), tmp_path / "poor")
    rich, poor = weights(tmp_path / "rich"), weights(tmp_path / "poor")
    assert all(torch.equal(rich[name], poor[name]) for name in rich)


def test_an_optimizer_whose_state_does_not_fit_ends_the_run_with_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ShortageError) as error:
        train(toy_parts(optimizer=partial(Greedy, times=2)), tmp_path)
    text = str(error.value)
    assert text.startswith("memory ran out in the update of optimizer step 0. It is taken by optimizer state")
    parameters = sum(p.numel() for p in Net().parameters())
    assert f"optimizer state {2 * 4 * parameters / 1024:.1f} KiB" in text  # of all, from that of the first
    assert "`trainer.precision: bf16-true`" in text and "micro_batch_size" not in text
    assert "optimizer.type: sgd" in (tmp_path / "logs" / "repeat_0" / "oom_report.txt").read_text()


def test_one_sample_that_does_not_fit_ends_the_run_with_all_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(ShortageError) as error:
        train(toy_parts(model=partial(Hungry, 0)), tmp_path)
    text, _, reason = str(error.value).partition("\n\n")
    where = (
        "memory ran out in the forward pass of optimizer step 0 in module `hungry` (Block) with one sample"
    )
    assert text.startswith(f"{where}. It is taken by ") and reason == "injected: tried to allocate 3 GiB"
    assert "What helps: `trainer.precision: bf16-mixed`" in text
    assert str(tmp_path / "logs" / "repeat_0" / "oom_report.txt") in text
    assert error.value.__cause__ is None and error.value.__context__ is None  # nothing holds the tensors


def test_pieces_that_a_model_cannot_take_end_the_run_with_the_reason_for_them(tmp_path: Path) -> None:
    with pytest.raises(
        ShortageError, match=r"step 0 .* with 2 samples at once; in smaller pieces the step fails"
    ):
        train(toy_parts(model=partial(Normed, 1)), tmp_path)


def test_the_rank_that_ran_out_is_named_by_all(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        torch.set_num_threads(1)
        with pytest.raises(RuntimeError) as error:
            train(toy_parts(model=partial(Hungry, 1000 - 1000 * rank), trainer={"devices": 2}), tmp_path)
        (tmp_path / f"said{rank}").write_text(str(error.value))
        return 0

    assert on_ranks(2, work) == [0, 0]
    assert (tmp_path / "said0").read_text() == "rank 1 ran out of memory in optimizer step 0 with one sample"
    assert (tmp_path / "said1").read_text().startswith("on rank 1 of 2, memory ran out in the forward pass")
    assert (tmp_path / "logs" / "repeat_0" / "oom_report_rank_1.txt").exists()


@QUIET
def test_ranks_keep_one_working_size(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        model = Hungry(3 if rank else 1000)
        train(toy_parts(model=lambda: model, trainer={"devices": 2}, data={"eval_batch_size": 3}), tmp_path)
        return int(max(model.hungry.tried[6:]) != 2)

    assert on_ranks(2, work) == [0, 0]
    assert newest(tmp_path)["leyden"]["driver"]["memory"]["size"] == 2


class UsersHungry(Users):
    def __init__(self, training: bool) -> None:
        super().__init__()
        self.hungry = Block(5) if training else nn.Identity()
        self.hungry_too = nn.Identity() if training else Block(5)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return super().training_step((self.hungry(batch[0]), batch[1]), batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        super().validation_step((self.hungry_too(batch[0]), batch[1]), batch_idx)


def test_a_users_module_is_told_why_its_step_is_not_taken_again(tmp_path: Path) -> None:
    with pytest.raises(ShortageError) as error:
        train(toy_parts(model=partial(UsersHungry, True)), tmp_path)
    text = str(error.value)
    assert text.startswith(
        "memory ran out in the forward pass of optimizer step 0 in module `hungry` (Block) with 16 samples "
        "at once; the step of a LightningModule is not taken again in halves, because its training_step may"
    )
    assert "`data.batch_size: 8`" in text and "micro_batch_size" not in text
    assert (tmp_path / "logs" / "repeat_0" / "oom_report.txt").exists()


def test_a_users_modules_validation_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(
        ShortageError, match=r"forward pass of the validation after optimizer step 6"
    ) as error:
        train(toy_parts(model=partial(UsersHungry, False)), tmp_path)
    assert "`data.eval_batch_size: 3`" in str(error.value)


@QUIET
@pytest.mark.parametrize("what", ["device_memory", "whereabouts", "page", "retained"])
def test_a_report_that_runs_out_of_memory_itself_changes_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run(folder: Path) -> str:
        return train(toy_parts(model=partial(Hungry, 4)), folder).weights_sha256

    def poor(*_: Any) -> Any:
        raise MemoryError

    told = run(tmp_path / "told")
    caplog.clear()
    monkeypatch.setattr(reports, what, poor)
    with caplog.at_level(logging.WARNING, "leyden"):
        assert run(tmp_path / "untold") == told
    assert "memory ran out" in caplog.text
    with pytest.raises(torch.OutOfMemoryError):
        train(toy_parts(model=partial(Hungry, 0)), tmp_path / "nothing fits")


class Unmeasurable(Net):
    """Differentiates inside its forward pass in a way that lets nobody look."""

    def __init__(self) -> None:
        super().__init__(dropout=0.2)
        self.hungry = Block(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slope = torch.func.vmap(torch.func.grad(lambda row: (row**2).sum()))(self.hungry(x))
        return super().forward(x + 0.01 * slope)


@QUIET
def test_a_model_that_cannot_be_measured_is_trained_all_the_same(tmp_path: Path) -> None:
    train(toy_parts(model=Unmeasurable, data={"micro_batch_size": 4}), tmp_path / "rich")
    train(toy_parts(model=Unmeasurable), tmp_path / "poor")
    rich, poor = weights(tmp_path / "rich"), weights(tmp_path / "poor")
    assert all(torch.equal(rich[name], poor[name]) for name in rich)
