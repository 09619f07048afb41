"""SIGKILL at any moment: the same command goes on, and ends with the bits of the run never killed."""

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

from tests.faults import runs
from tests.faults.children import Child
from tests.faults.moments import Moment, Moments
from tests.faults.reference import Reference, known_references
from tests.faults.scale import FULL, chance, count

KILLS = count(14, 200)
BY_CLOCK = "by the clock"  # the only ones that end inside of torch, of a write or of the kernel
AT_START = "starting up"  # in a process that begins with nothing imported


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    return known_references(tmp_path_factory.mktemp("references"))


def killed_at(moment: Moment, variant: str, folder: Path) -> int:
    """Train until the moment comes, or to the end."""

    def work() -> int:
        with Moments(moment, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            return runs.train(folder, variant)

    return Child(work, folder.with_suffix(".log")).wait()


def killed_after(seconds: float, variant: str, folder: Path) -> int:
    child = Child(lambda: runs.train(folder, variant), folder.with_suffix(".log"))
    if child.lasts(seconds):
        child.kill()
    return child.wait()


def killed_at_start(seconds: float, variant: str, folder: Path) -> int:
    """The command itself, in a fresh process."""
    words = ["train", runs.write(folder), f"folder.root={folder}", *runs.VARIANTS[variant]]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("leyden"), *words], stdout=-3, stderr=-3, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def test_a_run_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    references: Callable[[str], Reference], tmp_path: Path, say: Callable[..., None]
) -> None:
    kills: Counter[str] = Counter()
    wrong, trials = list[str](), 0
    while sum(kills.values()) < KILLS and len(wrong) < 5:
        rng, folder = chance("kill", trials), tmp_path / str(trials)
        reference = references(list(runs.VARIANTS)[trials % len(runs.VARIANTS)])
        variant, said = reference.variant, list[str]()
        phases = sorted(reference.moments)
        for attempt in range(rng.choice((1, 1, 2))):
            phase = phases[(trials * 3 + attempt * 7 + rng.randrange(2)) % len(phases)]
            moment = (phase, rng.randrange(reference.moments[phase]))
            if trials % 5 == 4:
                moment = BY_CLOCK, round(rng.uniform(0, reference.seconds), 4)
                code = killed_after(moment[1], variant, folder)
            elif FULL and trials % 25 == 3 and attempt == 0:
                moment = AT_START, round(rng.uniform(0.05, 6.0), 3)
                code = killed_at_start(moment[1], variant, folder)
            else:
                code = killed_at(moment, variant, folder)
            said.append(f"{moment[0]} {moment[1]}: {code}")
            kills[moment[0]] += code == -signal.SIGKILL
            if code not in (0, -signal.SIGKILL):
                wrong.append(f"trial {trials} {variant} {said}: a process failed")
            if code != -signal.SIGKILL:
                break
        if problem := reference.problem(folder):
            wrong.append(f"trial {trials} {variant} {said}: {problem}")
        shutil.rmtree(folder)
        trials += 1
    say("kills", trials=trials, kills=sum(kills.values()), at=kills, differ=len(wrong))
    assert not wrong, "\n\n".join(wrong)
