"""A signal to one of two processes, or to both, at any moment: they save one border and leave together."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leyden.backends.torch import signals
from leyden.cli.train import preemptible
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.moments import Moments
from tests.faults.ranks import Command, ranks
from tests.faults.reference import Reference, known_references
from tests.faults.scale import chance, count

DEADLINE = 12.0  # seconds; what is left of a run while its processes look for each other
TWO = ("trainer.devices=2", f"trainer.deadline={DEADLINE:g} s")
AFTER_IT = ("building", "checking", "results")  # or before: rank 0 records how the fit went
VARIANTS = ("plain", "micro_batches_average", "four_steps_a_call", "plateau_and_best")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    """How undisturbed runs on two processes end, by variant."""
    return known_references(tmp_path_factory.mktemp("pairs"), TWO, world=2)


def said(children: list[Child]) -> str:
    return "\n".join(child.said() for child in children)


def struck(
    moment: tuple[str, int],
    rank: int,
    targets: tuple[int, ...],
    numbers: int | tuple[int, ...],
    variant: str,
    folder: Path,
    *more: str,
) -> list[Child]:
    """Train on two processes; when the moment comes, ``rank`` waits until ``targets`` got all ``numbers``."""
    (here, there), (waiting, go_on) = os.pipe(), os.pipe()

    def act() -> None:
        os.write(there, b"!")
        os.read(waiting, 1)

    def work(mine: int) -> int:
        for end in (here, go_on):
            os.close(end)
        if mine != rank:
            os.close(there)
        with preemptible(), Moments(moment if mine == rank else None, act) as moments:
            code = runs.train(folder, variant, *TWO, *more)
            print(f"newest step {moments.step}", flush=True)
            os._exit(code)  # a signal that comes now finds no run, but still its handlers

    children = ranks(2, work, folder.with_suffix(".log"))
    for end in (there, waiting):
        os.close(end)
    if os.read(here, 1):  # empty where the run ended before the moment
        for number in (numbers,) if isinstance(numbers, int) else numbers:
            for target in targets:
                children[target].kill(number)
    os.write(go_on, b"!")
    os.close(here)
    os.close(go_on)
    return children


def drawn(rng: Any, pair: Reference, trial: int) -> tuple[tuple[str, int], int, tuple[int, ...]]:
    """A moment, the rank that it comes in, and who is signalled."""
    rank = rng.randrange(2)
    moments = pair.moments_of[rank]
    phases = sorted(moments)
    phase = phases[(trial * 5 + rng.randrange(3)) % len(phases)]
    return (phase, rng.randrange(moments[phase])), rank, ((0,), (1,), (0, 1))[trial % 3]


def test_both_leave_at_the_same_border_whoever_is_told(
    pair: Callable[[str], Reference], tmp_path: Path, say: Callable[..., None]
) -> None:
    wrong, at, done, trial = list[str](), Counter[str](), 0, 0
    wanted = count(9, 150)
    while sum(at.values()) < wanted and len(wrong) < 5:
        rng, folder = chance("preempt ranks", trial), tmp_path / str(trial)
        reference = pair(VARIANTS[trial % len(VARIANTS)])
        moment, rank, targets = drawn(rng, reference, trial)
        number, code = ((signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130))[trial % 7 % 3]
        children = struck(moment, rank, targets, number, reference.variant, folder)
        codes = [child.wait() for child in children]
        where = f"trial {trial} {reference.variant} {moment} in rank {rank}, {number} to {targets}: {codes}"
        trial += 1
        if codes == [0, 0]:  # the last border had been passed
            done += 1
        elif codes == [code, code]:
            at[moment[0]] += 1
        else:
            wrong.append(f"{where}\n{said(children)}")
            continue
        if problem := reference.problem(folder):
            wrong.append(f"{where}, going on {problem}")
        shutil.rmtree(folder)
    say("preemption of ranks", signals=sum(at.values()), at=at, ended_before=done, wrong=len(wrong))
    assert not wrong, "\n\n".join(wrong)


def test_a_terminals_ctrl_c_reaches_both_and_saves_one_border(
    pair: Callable[[str], Reference], tmp_path: Path
) -> None:
    reference, folder = pair("plain"), tmp_path / "run"
    children = struck(("micro-batch", 40), 1, (0, 1), signal.SIGINT, reference.variant, folder)
    assert [child.wait() for child in children] == [130, 130], said(children)
    assert 0 < int(runs.position(folder)["step"]) < 21
    assert reference.problem(folder) == ""


def test_a_second_request_to_both_leaves_at_once(
    pair: Callable[[str], Reference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them stands in its step, the other waits for it."""
    monkeypatch.setattr(signals, "ONE_REQUEST", 0.0)
    reference, folder = pair("plain"), tmp_path / "run"
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    children = struck(("update", 5), 1, (0, 1), numbers, reference.variant, folder)
    assert [child.wait() for child in children] == [75, 75], said(children)
    assert runs.home(folder).index(0).entries() == []
    assert reference.problem(folder) == ""


@pytest.mark.parametrize("targets", [(0,), (1,), (0, 1)])
def test_a_signal_in_a_validation_of_two_leaves_it_and_owes_it(
    targets: tuple[int, ...], pair: Callable[[str], Reference], tmp_path: Path
) -> None:
    reference, folder = pair("plain"), tmp_path / "run"
    children = struck(("validation", 3), targets[0], targets, signal.SIGTERM, reference.variant, folder)
    assert [child.wait() for child in children] == [75, 75], said(children)
    assert runs.position(folder) == {"step": 7, "pending": "validate"}
    assert reference.problem(folder) == ""


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_takes_the_other_with_it_and_nothing_is_lost(
    killed: int, pair: Callable[[str], Reference], tmp_path: Path, say: Callable[..., None]
) -> None:
    wrong, at, longest, trial = list[str](), Counter[str](), 0.0, 0
    while sum(at.values()) < count(3, 40) and len(wrong) < 5:
        rng, folder = chance("kill one rank", killed, trial), tmp_path / str(trial)
        reference = pair(VARIANTS[trial % len(VARIANTS)])
        moment, rank, _ = drawn(rng, reference, trial)
        children = struck(moment, rank, (killed,), signal.SIGKILL, reference.variant, folder)
        first = children[killed].wait()
        since = time.monotonic()
        other = children[1 - killed].wait()
        where = f"trial {trial} {reference.variant} {moment} in rank {rank}: {first} {other}"
        trial += 1
        if first == -signal.SIGKILL:
            at[moment[0]] += 1
            longest = max(longest, time.monotonic() - since)
            if other == 0 and moment[0] not in AFTER_IT:
                wrong.append(f"{where}\n{children[1 - killed].said()}")
        if problem := reference.problem(folder):
            wrong.append(f"{where}, going on {problem}")
        shutil.rmtree(folder)
    deadlines = longest / DEADLINE
    say(
        "kills of one of two",
        rank=killed,
        kills=sum(at.values()),
        at=at,
        deadlines=deadlines,
        wrong=len(wrong),
    )
    assert not wrong, "\n\n".join(wrong)
    assert deadlines < 2


@pytest.mark.parametrize("target", [0, 1])
def test_a_signal_between_two_repeats_is_kept_for_the_second(
    target: int, pair: Callable[[str], Reference], tmp_path: Path
) -> None:
    pair("plain")  # imports everything
    folder, more = tmp_path / "run", "repeats=2"
    children = struck(("results", 0), 0, (target,), signal.SIGTERM, "plain", folder, more)
    assert [child.wait() for child in children] == [75, 75], said(children)
    assert [(row.status, row.steps) for row in runs.home(folder).rows()] == [
        ("finished", 21),
        ("interrupted", 1),
    ]
    for where in (folder, tmp_path / "untouched"):
        children = ranks(
            2, lambda rank, where=where: runs.train(where, "plain", *TWO, more), tmp_path / "log"
        )
        assert [child.wait() for child in children] == [0, 0], said(children)
    found, wanted = (
        [row.weights_sha256 for row in runs.home(where).rows()] for where in (folder, tmp_path / "untouched")
    )
    assert found == wanted and len(set(found)) == 2


@pytest.mark.parametrize("target", ["rank 0", "rank 1", "all"])
def test_a_signal_while_lightning_starts_the_second_process_is_kept_for_the_training(
    target: str, tmp_path: Path
) -> None:
    """The second process waits before it imports anything; the first waits for it."""
    told, go_on, folder = tmp_path / "told", tmp_path / "go_on", tmp_path / "run"
    os.mkfifo(told)
    os.mkfifo(go_on)
    body = f"open({str(told)!r}, 'w').write(str(os.getpid()))\nopen({str(go_on)!r}).read()"
    command = Command(folder, body=body)
    second = int(told.read_text())
    pids = {"rank 0": (command.process.pid,), "rank 1": (second,), "all": (command.process.pid, second)}
    for pid in pids[target]:
        os.kill(pid, signal.SIGTERM)
    go_on.write_text("")
    assert command.wait() == 75, command.said()
    assert runs.position(folder)["step"] == 1
    again = Command(folder)
    assert again.wait() == 0, again.said()
