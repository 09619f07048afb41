"""SIGKILL at any moment: the same command goes on, and ends with the bits of the run never killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.backends.torch.death import differences
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.moments import Moment, Moments
from tests.faults.scale import FULL, chance, count

KILLS = count(14, 200)
BY_CLOCK = "by the clock"  # the only ones that end inside of torch, of a write or of the kernel
AT_START = "starting up"  # in a process that begins with nothing imported


class Reference:
    """A run that was never killed: how it ended, how many moments it had, and how long it took."""

    def __init__(self, variant: str, folder: Path) -> None:
        self.variant = variant
        assert Child(lambda: self._count(folder), folder.with_suffix(".log")).wait() == 0
        told = json.loads(folder.with_suffix(".json").read_text())
        self.moments, self.seconds = told["moments"], told["seconds"]
        self.end = runs.ended(folder)

    def _count(self, folder: Path) -> int:
        import time

        start = time.perf_counter()
        with Moments() as moments:
            code = runs.train(folder, self.variant)
        told = {"moments": moments.counts, "seconds": time.perf_counter() - start}
        folder.with_suffix(".json").write_text(json.dumps(told))
        return code


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    folder, known = tmp_path_factory.mktemp("references"), dict[str, Reference]()
    runs.warm_up(folder / "warm")

    def of(variant: str) -> Reference:
        if variant not in known:
            known[variant] = Reference(variant, folder / variant)
        return known[variant]

    return of


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
        if problem := _problem(reference, folder):
            wrong.append(f"trial {trials} {variant} {said}: {problem}")
        shutil.rmtree(folder)
        trials += 1
    say("kills", trials=trials, kills=sum(kills.values()), at=kills, differ=len(wrong))
    assert wrong == []


def _problem(reference: Reference, folder: Path) -> str:
    """How the run ends that goes on in ``folder``; empty if it is right."""
    last = Child(lambda: runs.train(folder, reference.variant), folder.with_suffix(".log"))
    if code := last.wait():
        return f"going on ended with {code}:\n{last.said()}"
    found: list[Any] = differences(reference.end, runs.ended(folder))
    return f"differs in {found[:4]}" if found else ""
