"""The power fails at any moment: no finished checkpoint is lost, and the run ends as it would have."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.runs.index import CheckpointIndex
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.power import LOSSES, Disk, restored
from tests.faults.reference import Reference, known_references
from tests.faults.scale import chance, count

#: one, each with other things on disk
VARIANTS = ("plain", "plateau_and_best", "micro_batches_average")


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    return known_references(tmp_path_factory.mktemp("references"))


def finished_saves(file: Path) -> None:
    """From here on, every save that is through leaves the number of its step in ``file``."""
    save = CheckpointIndex.save

    def noted(self: CheckpointIndex, *args: object, step: int, **more: object) -> object:
        entry = save(self, *args, step=step, **more)  # type: ignore[arg-type]
        file.write_text(str(step))
        return entry

    CheckpointIndex.save = noted  # type: ignore[method-assign]


def syncs(variant: str, folder: Path) -> int:
    """How many times a whole run syncs something."""

    def work() -> int:
        with Disk(folder) as disk:
            code = runs.train(folder, variant)
        folder.with_suffix(".count").write_text(str(disk.count))
        return code

    folder.mkdir()
    child = Child(work, folder.with_suffix(".log"))
    assert child.wait() == 0, child.said()
    return int(folder.with_suffix(".count").read_text())


def power_fails(variant: str, folder: Path, at: int, loss: str, trial: int) -> int:
    """Train until the n-th sync, and leave in ``folder`` what may be left; the step that was promised."""
    left, saved = folder.with_suffix(".left"), folder.with_suffix(".saved")
    folder.mkdir()

    def work() -> int:
        finished_saves(saved)
        disk = Disk(folder, at)

        def fail() -> None:
            disk.after_power_loss(left, loss, chance("left", trial))
            os.kill(os.getpid(), signal.SIGKILL)

        disk.act = fail
        with disk:
            runs.train(folder, variant)
        return 1

    child = Child(work, folder.with_suffix(".log"))
    assert child.wait() == -signal.SIGKILL, child.said()
    restored(left, folder)
    return int(saved.read_text()) if saved.exists() else 0


def test_no_finished_checkpoint_is_lost_and_the_run_ends_the_same(
    references: Callable[[str], Reference], tmp_path: Path, say: Callable[..., None]
) -> None:
    totals = {variant: syncs(variant, tmp_path / variant) for variant in VARIANTS}
    done, lost, wrong = Counter[str](), list[str](), list[str]()
    for trial in range(count(9, 200)):
        rng, folder = chance("power", trial), tmp_path / str(trial)
        variant, loss = VARIANTS[trial % len(VARIANTS)], LOSSES[trial // len(VARIANTS) % len(LOSSES)]
        at = rng.randrange(totals[variant] - 1)
        promised = power_fails(variant, folder, at, loss, trial)
        what = f"trial {trial}, {variant}, {loss}, sync {at} of {totals[variant]}"
        entry = runs.home(folder).index(0).newest_good().entry
        if (entry.step if entry else 0) < promised:
            lost.append(f"{what}: step {promised} was saved, but there is {entry}")
        if problem := references(variant).problem(folder):
            wrong.append(f"{what}: {problem}")
        done[loss] += 1
        shutil.rmtree(folder)
    say("power loss", trials=sum(done.values()), by=done, lost=len(lost), differ=len(wrong))
    assert lost == []
    assert not wrong, "\n\n".join(wrong)
