"""One, two, three and four processes: the same samples in every step, evaluation and weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from leyden.runs.folder import RunFolder
from leyden.runs.retention import Retention
from tests.backends.torch.toy import Net, newest, records, toy_parts, train
from tests.faults.ranks import ranks

STILL = partial(Net, dropout=0.0)


class Ledger(torch.nn.Module):
    """A net that notes which samples it was shown, by their first number."""

    def __init__(self) -> None:
        super().__init__()
        self.net = STILL()
        self.seen: list[list[float]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.append(x[:, 0].tolist())
        return self.net(x)


def trained(world: int, folder: Path, **more: Any) -> Path:
    """Train on ``world`` processes; each leaves a ledger beside the run."""

    def work(rank: int) -> int:
        kept: list[Ledger] = []

        def model() -> Ledger:
            kept.append(Ledger())
            return kept[0]

        code = train(toy_parts(model=model, trainer={"devices": world}, **more), folder / "run").exit_code
        (folder / f"ledger{rank}.json").write_text(json.dumps(kept[0].seen))
        return code

    folder.mkdir()
    children = ranks(world, work, folder / "log")
    assert [child.wait() for child in children] == [0] * world, children[0].said()
    return folder


def steps_of(folder: Path, world: int) -> list[list[float]]:
    """Samples of every global step, over all ranks; each rank has some in every step."""
    ledgers = [json.loads((folder / f"ledger{rank}.json").read_text()) for rank in range(world)]
    return [sorted(sample for part in step for sample in part) for step in zip(*ledgers, strict=True)]


def test_any_number_of_processes_is_one_run(tmp_path: Path, say: Callable[..., None]) -> None:
    worlds = (1, 2, 3, 4)
    found = {world: trained(world, tmp_path / str(world)) for world in worlds}
    samples = {world: steps_of(folder, world) for world, folder in found.items()}
    weights = {world: newest(folder / "run")["state_dict"] for world, folder in found.items()}
    worst = max(
        float((weights[1][name] - weights[world][name]).abs().max())
        for world in worlds
        for name in weights[1]
    )
    same = sum(samples[world] == samples[1] for world in worlds)
    say("ranks", worlds=len(worlds), same_samples=same, steps=len(samples[1]), worst_weight=worst)
    assert same == len(worlds) and worst < 1e-6


def test_evaluations_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    """Of weights that do not move, so that nothing but the evaluation could differ."""
    still: dict[str, Any] = {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=0.0), "schedules": {}}
    rows = [
        [row for row in records(trained(world, tmp_path / str(world), **still) / "run") if "val/loss" in row]
        for world in (1, 2, 3, 4)
    ]
    assert rows[0] == rows[1] == rows[2] == rows[3] and len(rows[0]) == 3


@pytest.mark.filterwarnings("ignore::leyden.backends.torch.shelf.DamagedCheckpointWarning")
def test_going_on_with_another_number_of_processes_keeps_the_order_of_samples(tmp_path: Path) -> None:
    whole = trained(1, tmp_path / "whole", seed=3)
    first = trained(2, tmp_path / "parts", seed=3, checkpoint={"save_top_k": -1})
    steps = steps_of(first, 2)
    index = RunFolder(first / "run").index(0, Retention(save_top_k=-1))
    for later in index.entries()[1:]:  # as if it had died in its second epoch
        index.path(later).unlink()
    done = index.entries()[0].step
    for rank in range(2):
        (first / f"ledger{rank}.json").unlink()
    children_folder = tmp_path / "again"
    children_folder.mkdir()
    (first / "run").rename(children_folder / "run")

    def work(rank: int) -> int:
        kept: list[Ledger] = []

        def model() -> Ledger:
            kept.append(Ledger())
            return kept[0]

        parts = toy_parts(model=model, trainer={"devices": 3}, seed=3, checkpoint={"save_top_k": -1})
        code = train(parts, children_folder / "run").exit_code
        (children_folder / f"ledger{rank}.json").write_text(json.dumps(kept[0].seen))
        return code

    children = ranks(3, work, children_folder / "log")
    assert [child.wait() for child in children] == [0] * 3, children[0].said()
    assert steps[:done] + steps_of(children_folder, 3) == steps_of(whole, 1)
    a, b = (newest(folder / "run")["state_dict"] for folder in (whole, children_folder))
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 1e-6
