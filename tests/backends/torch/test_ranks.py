"""Several processes train the model that one process trains, and measure the same numbers."""

from __future__ import annotations

import gc
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch.saver import FailedSaveWarning, SaveError
from leyden.runs.index import CheckpointIndex
from tests.backends.torch.ranks import on_ranks
from tests.backends.torch.toy import Net, records, toy_parts, train, weights

STILL = partial(Net, dropout=0.0)


class Normed(nn.Module):
    """A net with running statistics, and a layer that never takes part."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.out, self.unused = nn.BatchNorm1d(8), nn.Linear(8, 3), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(x))


def settings(devices: int, **more: Any) -> dict[str, Any]:
    return {"model": STILL, "trainer": {"devices": devices, **more}}


def run_on(world: int, folder: Path, **more: Any) -> None:
    def work(rank: int) -> int:
        train(toy_parts(**{**settings(world), **more}), folder)
        return 0

    assert on_ranks(world, work) == [0] * world


def worst(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(toy_parts(**settings(1)), folder)
    return folder


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_with_ragged_shares_train_the_weights_of_one(world: int, alone: Path, tmp_path: Path) -> None:
    run_on(world, tmp_path)
    assert worst(weights(alone), weights(tmp_path)) < 1e-6


def test_micro_batches_on_two_ranks_train_the_weights_of_one(alone: Path, tmp_path: Path) -> None:
    run_on(2, tmp_path, data={"micro_batch_size": 3})
    assert worst(weights(alone), weights(tmp_path)) < 1e-6


@pytest.mark.parametrize("size", [1, 3, 5, 16, 1000])
def test_micro_batches_train_the_weights_of_whole_batches(size: int, alone: Path, tmp_path: Path) -> None:
    train(toy_parts(**settings(1), data={"micro_batch_size": size}), tmp_path)
    assert worst(weights(alone), weights(tmp_path)) < 1e-6


def test_an_evaluation_is_equal_to_the_last_bit_on_any_number_of_ranks(tmp_path: Path) -> None:
    def one_step_less(world: int) -> list[dict[str, float]]:
        folder = tmp_path / str(world)
        more = {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=0.0), "schedules": {}}
        if world == 1:
            train(toy_parts(**settings(1), **more), folder)
        else:
            run_on(world, folder, **more)
        return [row for row in records(folder) if "val/loss" in row]

    assert one_step_less(1) == one_step_less(2) == one_step_less(3)


def test_training_metrics_count_every_sample_once_on_two_ranks(alone: Path, tmp_path: Path) -> None:
    run_on(2, tmp_path)
    for one, two in zip(records(alone), records(tmp_path), strict=True):
        assert one.keys() == two.keys() and one["step"] == two["step"]
        assert all(one[name] == pytest.approx(two[name], abs=1e-6) for name in one)


def test_ranks_hold_the_same_running_statistics_and_leave_unused_weights_alone(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        def keep(model: nn.Module) -> torch.optim.Optimizer:
            kept.append(model)
            return torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.5)

        kept: list[nn.Module] = []
        train(toy_parts(**{**settings(2), "model": Normed, "optimizer": keep}), tmp_path)
        torch.save(kept[0].state_dict(), tmp_path / f"{rank}.pt")
        return 0

    torch.manual_seed(0)
    assert on_ranks(2, work) == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["norm.running_mean"].abs().sum() > 0
    untrained = weights(tmp_path)
    train(toy_parts(**{**settings(1), "model": Normed}), tmp_path / "alone")
    assert torch.equal(untrained["model.unused.weight"], weights(tmp_path / "alone")["model.unused.weight"])


def test_two_ranks_go_on_where_they_were_killed(tmp_path: Path) -> None:
    from tests.backends.torch.death import KILLED, Killer, differences, what_must_agree
    from tests.backends.torch.toy import newest

    more = {"checkpoint": {"every": "3 steps"}, "model": Net}
    run_on(2, tmp_path / "untouched", **more)

    def doomed(rank: int) -> int:
        train(
            toy_parts(**{**settings(2), **more, "callbacks": [Killer("on_step_end", 11)]}),
            tmp_path / "killed",
        )
        return 0

    assert on_ranks(2, doomed) == [KILLED, KILLED]
    run_on(2, tmp_path / "killed", **more)
    trees = [what_must_agree(newest(tmp_path / name), tmp_path / name) for name in ("untouched", "killed")]
    assert differences(*trees) == []


def test_an_error_on_one_rank_ends_all_of_them(tmp_path: Path) -> None:
    class Failing(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if rank_here == 1 and self.training:
                raise ValueError("bad sample on rank 1")
            return super().forward(x)

    rank_here = -1

    def work(rank: int) -> int:
        nonlocal rank_here
        rank_here = rank
        try:
            train(toy_parts(**{**settings(2), "model": Failing}), tmp_path)
        except (ValueError, RuntimeError) as error:
            return 3 if "bad sample" in str(error) else 4 if "another process failed" in str(error) else 1
        return 0

    assert on_ranks(2, work) == [4, 3]


def test_a_last_state_that_cannot_be_written_fails_on_all_ranks(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        def full(*words: Any, **more: Any) -> Any:
            raise OSError("no space left")

        CheckpointIndex.save = full
        warned = pytest.warns(FailedSaveWarning) if rank == 0 else nullcontext()
        failed = pytest.raises(SaveError, match="rank 0 could not; see" if rank else "no space left")
        with warned, failed:
            train(toy_parts(**settings(2), checkpoint={"max_failures": 9}), tmp_path)
        return 0

    assert on_ranks(2, work) == [0, 0]


def test_a_fit_of_several_processes_leaves_no_threads_and_connections_behind(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        counts: list[tuple[int, int]] = []
        for number in range(4):
            train(toy_parts(**settings(2, max_epochs=1)), tmp_path / str(number))
            gc.collect()
            counts.append((len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))))
        # what is just ending may be among them; a fit that left its own would leave several each time
        grown = [later - earlier for earlier, later in zip(counts[1], counts[3], strict=True)]
        assert max(grown) < 4, counts
        return 0

    assert on_ranks(2, work) == [0, 0]


def test_processes_that_are_forked_and_joined_tell_how_it_went(alone: Path, tmp_path: Path) -> None:
    outcome = train(toy_parts(model=STILL, trainer={"devices": 2, "strategy": "ddp_fork"}), tmp_path)
    assert (outcome.status, outcome.steps) == ("finished", 21)
    assert "val/accuracy" in outcome.metrics
    assert worst(weights(alone), weights(tmp_path)) < 1e-6
