"""Several processes go back to a checkpoint: to the same one, as new processes would go on from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from leyden.backends.torch import fit as torch_fit
from leyden.backends.torch.attempt import Attempt
from leyden.backends.torch.shelf import Shelf
from tests.backends.torch.death import differences
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.ranks import Command, ranks
from tests.faults.scale import chance, count
from tests.faults.spoiling import nan_after_update, nan_in_passes, shortage_in_update

TWO = "trainer.devices=2"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untouched") / "run"
    children = ranks(2, lambda rank: runs.train(folder, "plain", TWO), folder.with_suffix(".log"))
    assert [child.wait() for child in children] == [0, 0], children[0].said()
    return folder


#: what the log says then, with a checkpoint to go back to and without one
WENT_BACK = "going back to the newest checkpoint", "beginning anew: there is no checkpoint yet"


def log_of(folder: Path) -> str:
    return (runs.home(folder).logs(0) / "log.txt").read_text()


@pytest.mark.parametrize("poor", [0, 1])
def test_half_an_update_on_one_rank_is_taken_back_by_both(
    poor: int, untouched: Path, tmp_path: Path, say: Callable[..., None]
) -> None:
    wrong, trials = list[str](), count(2, 20)
    for trial in range(trials):
        rng, folder = chance("half an update", poor, trial), tmp_path / str(trial)
        step, calls = rng.randrange(1, 22), rng.choice((1, 4))

        def work(rank: int, folder: Path = folder, step: int = step, calls: int = calls) -> int:
            with shortage_in_update(step if rank == poor else -1):
                return runs.train(folder, "plain", TWO, f"trainer.steps_per_call={calls}")

        children = ranks(2, work, folder.with_suffix(".log"))
        codes = [child.wait() for child in children]
        where = f"trial {trial}, step {step}, {calls} steps a call: "
        if codes != [0, 0]:
            wrong.append(f"{where}{codes}\n{children[0].said()}\n{children[1].said()}")
        elif not any(said in log_of(folder) for said in WENT_BACK):
            wrong.append(f"{where}nobody went back")
        elif calls == 1 and (found := differences(runs.ended(untouched), runs.ended(folder))):
            wrong.append(f"{where}differs in {found[:4]}")
    say("half an update on one rank of two", rank=poor, trials=trials, wrong=len(wrong))
    assert not wrong, "\n\n".join(wrong)


def test_half_an_update_ends_a_call_of_several_steps(tmp_path: Path) -> None:
    """In its second step of four; checkpoints are after the first call, and so on."""

    def work(rank: int) -> int:
        with shortage_in_update(6 if rank else -1) as steps:
            code = runs.train(tmp_path / "run", "four_steps_a_call", TWO)
        print(f"{steps[0]} steps")
        return code

    children = ranks(2, work, tmp_path / "log")
    assert [child.wait() for child in children] == [0, 0], children[0].said()
    # 5 that count, one that was torn, and those from the newest checkpoint on
    saved = 5
    assert [child.said().splitlines()[-1] for child in children] == [f"{6 + 21 - saved} steps"] * 2


@pytest.mark.parametrize("world", [1, 2])
def test_a_run_goes_back_past_checkpoints_that_are_not_finite(world: int, tmp_path: Path) -> None:
    """A weight that nobody looked at is NaN in two checkpoints before a gradient tells."""
    words = (f"trainer.devices={world}", "trainer.non_finite=restore", "checkpoint.every=1 steps")

    def work(rank: int) -> int:
        with nan_after_update(9):
            return runs.train(tmp_path / "run", "plain", *words)

    children = ranks(world, work, tmp_path / "log")
    assert [child.wait() for child in children] == [0] * world, children[0].said()
    assert log_of(tmp_path / "run").count("going back to the newest checkpoint") == 1
    end = runs.ended(tmp_path / "run")["checkpoint"]
    assert end["leyden"]["session"]["restores"] == 1
    assert all(bool(weight.isfinite().all()) for weight in end["state_dict"].values())


def test_rank_0_alone_says_which_checkpoint_it_is(untouched: Path, tmp_path: Path) -> None:
    """Another one may look while a checkpoint is being entered, or at a copy of the folder that is older."""

    def work(rank: int) -> int:
        if rank:
            Shelf.newest = lambda self, finite=False: None
        with shortage_in_update(11 if rank else -1):
            return runs.train(tmp_path / "run", "plain", TWO)

    children = ranks(2, work, tmp_path / "log")
    assert [child.wait() for child in children] == [0, 0], children[0].said() + children[1].said()
    assert "going back to the newest checkpoint" in log_of(tmp_path / "run")
    assert differences(runs.ended(untouched), runs.ended(tmp_path / "run")) == []


def test_half_an_update_is_taken_back_by_processes_that_lightning_started(
    untouched: Path, tmp_path: Path
) -> None:
    body = (
        "from tests.faults.spoiling import shortage_in_update\n"
        "spoilt = shortage_in_update(11)\n"
        "spoilt.__enter__()"
    )
    command = Command(tmp_path / "run", body=body)
    assert command.wait() == 0, command.said()
    assert "by another process; going back to the newest checkpoint" in log_of(tmp_path / "run")
    assert differences(runs.ended(untouched), runs.ended(tmp_path / "run")) == []


def test_half_an_update_is_taken_back_by_processes_that_are_forked_and_joined(
    untouched: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def work() -> int:
        with shortage_in_update(11):
            return runs.train(folder, "plain", TWO, "trainer.strategy=ddp_fork")

    child = Child(work, tmp_path / "log")
    assert child.wait() == 0, child.said()
    assert "going back to the newest checkpoint" in log_of(folder)
    ends = [runs.ended(untouched), runs.ended(folder)]
    for end in ends:
        end["checkpoint"]["leyden"].pop("run")  # which strategy
    assert differences(*ends) == []


@pytest.mark.parametrize("hurt", [0, 1])
def test_nan_on_one_rank_takes_both_back_to_the_same_checkpoint(
    hurt: int, tmp_path: Path, say: Callable[..., None]
) -> None:
    wrong, trials = list[str](), count(2, 20)
    for trial in range(trials):
        rng, folder = chance("NaN on one rank", hurt, trial), tmp_path / str(trial)
        at = rng.randrange(1, 22)

        def work(rank: int, folder: Path = folder, at: int = at) -> int:
            kept: list[nn.Module] = []
            remember = nn.modules.module.register_module_forward_pre_hook(lambda m, x: kept.append(m))
            with nan_in_passes({at} if rank == hurt else set()):
                code = runs.train(folder, "plain", TWO, "trainer.non_finite=restore")
            remember.remove()
            torch.save(kept[-1].state_dict(), folder / f"{rank}.pt")
            return code

        children = ranks(2, work, folder.with_suffix(".log"))
        codes = [child.wait() for child in children]
        where = f"trial {trial}, pass {at}: "
        if codes != [0, 0]:
            wrong.append(f"{where}{codes}\n{children[0].said()}\n{children[1].said()}")
            continue
        first, second = (torch.load(folder / f"{rank}.pt") for rank in range(2))
        if not all(torch.equal(first[name], second[name]) for name in first):
            wrong.append(f"{where}the ranks have other weights")
        if f"on rank {hurt}. Samples of the training set: " not in log_of(folder):
            wrong.append(f"{where}the rank and its samples are not named: {log_of(folder)}")
        if "The learning rate is halved; " not in log_of(folder):
            wrong.append(f"{where}nobody went back")
    say("NaN on one rank of two, restore", rank=hurt, trials=trials, wrong=len(wrong))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("world", [1, 2])
def test_going_back_is_what_new_processes_would_make_of_the_checkpoint(world: int, tmp_path: Path) -> None:
    """But for the learning rate, which these are told."""
    words = (f"trainer.devices={world}", "trainer.max_epochs=4", "ema={decay: 0.9}")

    def train(name: str, policy: str, spoilt: set[int], restores: int = 0) -> list[int]:
        folder = tmp_path / name

        def work(rank: int) -> int:
            torch_fit.Attempt = lambda parts, folder, signals, r=restores: Attempt(parts, folder, signals, r)
            with nan_in_passes(spoilt if rank == world - 1 else set()):
                return runs.train(folder, "plain", *words, f"trainer.non_finite={policy}")

        children = ranks(world, work, folder.with_suffix(".log"))
        return [child.wait() for child in children]

    assert train("stayed", "restore", {18}) == [0] * world
    assert all(train("left", "raise", {18}))
    assert train("left", "raise", set(), restores=1) == [0] * world
    stayed, left = runs.ended(tmp_path / "stayed"), runs.ended(tmp_path / "left")
    for end in (stayed, left):
        end["checkpoint"]["leyden"].pop("run")  # which policy
    assert stayed["checkpoint"]["leyden"]["session"]["restores"] == 1
    assert differences(stayed, left) == []


def test_a_step_left_out_for_one_rank_is_left_out_by_both(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        kept: list[nn.Module] = []
        remember = nn.modules.module.register_module_forward_pre_hook(lambda m, x: kept.append(m))
        with nan_in_passes({3, 9, 10, 17} if rank == 1 else {5}):
            code = runs.train(tmp_path / "run", "micro_batches_average", TWO, "trainer.non_finite=skip")
        remember.remove()
        torch.save(kept[-1].state_dict(), tmp_path / f"{rank}.pt")
        return code

    children = ranks(2, work, tmp_path / "log")
    assert [child.wait() for child in children] == [0, 0], children[0].said() + children[1].said()
    said = [child.said().count("the step is left out") for child in children]
    assert said[0] == said[1] > 1
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(bool(torch.isfinite(weight).all()) for weight in first.values())
