"""SIGTERM at any moment: that border is saved, the exit code says so, and the run goes on from there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from leyden.cli.train import preemptible
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.moments import CHECKING, Moments
from tests.faults.reference import Reference, known_references
from tests.faults.scale import FULL, chance, count

SIGNALS = count(10, 200)

#: phases outside of the fit: there is no state yet, or no step that the newest checkpoint has not
OUTSIDE = (CHECKING, "folder", "building", "results")


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    return known_references(tmp_path_factory.mktemp("references"))


def told_to_leave(phase: str, line: int, variant: str, folder: Path, *words: str) -> Child:
    """Train with the signal handlers of the command; the signal comes at a moment."""

    def work() -> int:
        def leave() -> None:
            print(f"signal in step {moments.step}", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

        with preemptible(), Moments((phase, line), leave) as moments:
            return runs.train(folder, variant, *words)

    return Child(work, folder.with_suffix(".log"))


def test_a_signal_saves_the_step_it_came_in_and_nothing_is_lost(
    references: Callable[[str], Reference], tmp_path: Path, say: Callable[..., None]
) -> None:
    wrong, at, distance, trial = list[str](), Counter[str](), Counter[str](), 0
    while sum(at.values()) < SIGNALS and len(wrong) < 5:
        rng, folder = chance("preempt", trial), tmp_path / str(trial)
        reference = references(list(runs.VARIANTS)[trial % len(runs.VARIANTS)])
        phases = sorted(set(reference.moments))
        phase = phases[(trial * 5 + rng.randrange(3)) % len(phases)]
        child = told_to_leave(phase, rng.randrange(reference.moments[phase]), reference.variant, folder)
        code, said = child.wait(), child.said()
        where = f"trial {trial} {reference.variant} in {phase}: "
        trial += 1
        if code == 0:  # the fit had ended when the signal came, or the phase was not reached
            shutil.rmtree(folder)
            continue
        at[phase] += 1
        if code != 75:
            wrong.append(f"{where}exit code {code}\n{said}")
            continue
        begun = int(said.partition("signal in step ")[2].split()[0])
        if phase not in OUTSIDE and begun >= 0:
            saved = int(runs.position(folder)["step"])
            late = saved - (begun + 1)
            # in a call of several steps the border is its end; between a border and the next call, that one's
            distance[f"{late:+d}"] += 1
            if not 0 <= late <= runs.steps_a_call(reference.variant):
                wrong.append(f"{where}in step {begun}, but saved at {saved}")
        if problem := reference.problem(folder):
            wrong.append(f"{where}going on {problem}")
        shutil.rmtree(folder)
    say("preemption", signals=sum(at.values()), at=at, steps_after_the_one_begun=distance, wrong=len(wrong))
    assert not wrong, "\n\n".join(wrong)


def leaves_with_its_group(folder: Path, *words: str) -> str:
    """What is wrong with a run all of whose processes get a signal in the fifth step; empty if nothing is."""

    passes = list[int]()

    def leave(module: nn.Module, inputs: object) -> None:
        passes.extend([1] * isinstance(module, nn.Dropout))
        if len(passes) == 5:
            os.killpg(0, signal.SIGTERM)

    def work() -> int:
        nn.modules.module.register_module_forward_pre_hook(leave)
        return runs.train(folder, "two_workers", *words)

    child = Child(work, folder.with_suffix(".log"))
    if child.wait() != 75 or runs.position(folder)["step"] != 5:
        return child.said()
    return ""


def test_workers_that_make_batches_outlast_a_signal_to_all_processes(
    references: Callable[[str], Reference], tmp_path: Path
) -> None:
    reference = references("two_workers")
    assert leaves_with_its_group(tmp_path / "run") == ""
    assert reference.problem(tmp_path / "run") == ""


def test_forked_processes_that_get_a_signal_twice_take_it_for_one(
    references: Callable[[str], Reference], tmp_path: Path
) -> None:
    """As members of the group, and from the process that has forked them."""
    references("plain")  # imports everything
    two = ("trainer.devices=2", "trainer.strategy=ddp_fork", "data.num_workers=0")
    assert leaves_with_its_group(tmp_path / "run", *two) == ""


def ends(folder: Path) -> list[tuple[object, ...]]:
    """How every repeat ended: its row, and its table of metrics."""
    return [
        (
            row.status,
            row.seed,
            row.steps,
            row.weights_sha256,
            (run.logs(row.repeat) / "metrics.csv").read_text(),
        )
        for run in [runs.home(folder)]
        for row in run.rows()
    ]


@pytest.fixture(scope="module")
def repeated(references: Callable[[str], Reference], tmp_path_factory: pytest.TempPathFactory) -> Path:
    references("plain")  # imports everything
    folder = tmp_path_factory.mktemp("repeats") / "run"
    child = Child(lambda: runs.train(folder, "plain", "repeats=2"), folder.with_suffix(".log"))
    assert child.wait() == 0, child.said()
    return folder


@pytest.mark.parametrize(
    ("phase", "share", "done", "begun"),
    [
        ("optimizer step", 0.5, 0, 1),
        ("results", 0.0, 0, 1),
        ("building", 1.5, 1, 2),
        ("micro-batch", 1.6, 1, 2),
    ],
)
def test_a_signal_in_or_between_repeats_goes_on_with_the_right_one(
    phase: str,
    share: float,
    done: int,
    begun: int,
    references: Callable[[str], Reference],
    repeated: Path,
    tmp_path: Path,
) -> None:
    folder, line = tmp_path / "run", int(share * references("plain").moments[phase])
    child = told_to_leave(phase, line, "plain", folder, "repeats=2")
    assert child.wait() == 75, child.said()
    rows = runs.home(folder).rows()
    assert sum(row.is_done for row in rows) == done
    assert sum(bool(runs.home(folder).index(repeat).entries()) for repeat in range(2)) == begun
    again = Child(lambda: runs.train(folder, "plain", "repeats=2"), folder.with_suffix(".log"))
    assert again.wait() == 0, again.said()
    assert ends(folder) == ends(repeated)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_before_training_begins_says_so(number: int, tmp_path: Path) -> None:
    """While torch is being imported; seen in the process's memory map, so that nobody has to guess when."""
    words = [
        Path(sys.executable).with_name("leyden"),
        "train",
        runs.write(tmp_path),
        f"folder.root={tmp_path}",
    ]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    maps = Path(f"/proc/{process.pid}/maps")
    while process.poll() is None and "libtorch_cpu" not in maps.read_text():
        pass
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 75, said.decode()


@pytest.mark.skipif(not FULL, reason="takes as long as its deadline; FAULTS=full")
def test_a_step_that_does_not_end_is_left_after_the_deadline(tmp_path: Path) -> None:
    import threading

    import torch

    from tests.backends.torch.toy import Net, toy_parts, train

    class Endless(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait()
            return super().forward(x)

    child = Child(lambda: train(toy_parts(model=Endless), tmp_path / "run").exit_code, tmp_path / "log")
    assert child.wait(100) == 75 and "leaving" in child.said()
