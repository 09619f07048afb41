"""A model that is compiled: killed runs end with the same bits, and a signal outlives the compiler."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.death import differences, what_must_agree
from tests.backends.torch.toy import newest, toy_parts, train
from tests.faults import runs
from tests.faults.children import Fresh
from tests.faults.scale import chance, count


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled goes here, for all tests of this file and for no other run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield


class Killed(Callback):
    """Kills its process after a step."""

    def __init__(self, step: int) -> None:
        self.when = step

    def on_step_end(self, fit: Fit, /) -> None:
        if fit.step == self.when:
            os.kill(os.getpid(), signal.SIGKILL)


#: a process that has compiled leaves those that are forked from it waiting for its compilers
TRAIN = """\
import pathlib, sys
from tests.faults.test_compiled import train_until

sys.exit(train_until(int(sys.argv[1]), pathlib.Path(sys.argv[2])))
"""


def train_until(step: int, folder: Path) -> int:
    """Train a compiled model, or go on with it, until the step that kills the process."""
    parts = toy_parts(
        trainer={"compile": True},
        data={"micro_batch_size": 6, "eval_batch_size": 31},
        checkpoint={"every": "2 steps"},
        callbacks=[Killed(step)],
    )
    return train(parts, folder).exit_code


def test_a_compiled_run_that_is_killed_ends_as_if_it_had_not_been(
    tmp_path: Path, say: Callable[..., None]
) -> None:
    def ended(folder: Path, *kills: int) -> object:
        for step in (*kills, -1):
            process = Fresh(TRAIN, step, folder, log=folder.with_suffix(".log"))
            assert process.wait(600) == (0 if step < 0 else -signal.SIGKILL), process.said()
        return what_must_agree(newest(folder), folder)

    whole, wrong, trials = ended(tmp_path / "whole"), list[str](), count(1, 20)
    for trial in range(trials):
        step = chance("kill compiled", trial).randrange(1, 21)
        found = differences(whole, ended(tmp_path / str(trial), step))
        wrong += [f"killed after step {step}: {found[:4]}"] * bool(found)
    say("kills of a compiled run", trials=trials, differ=len(wrong))
    assert not wrong, "\n\n".join(wrong)


def compiles(group: int) -> bool:
    """Whether a compiler runs in a process group, and what it compiles is a model."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone
            its_group = int((process / "stat").read_text().rpartition(") ")[2].split()[2])
            if its_group == group and b".main.cpp" in (process / "cmdline").read_bytes():
                return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_signal_to_all_processes_while_a_model_is_compiled_is_kept_for_the_step(tmp_path: Path) -> None:
    """As Slurm sends it; the compiler's processes would die of it, and the run with them."""
    words = ("trainer.compile=true", "model.hidden=[23]")  # which no other test has had compiled
    run = Fresh(
        "import sys; from leyden.cli.main import main; sys.exit(main(sys.argv[1:]))",
        *("train", runs.write(tmp_path), f"folder.root={tmp_path}", *words),
        log=tmp_path / "log",
    )
    while not compiles(run.pid) and run.lasts(0.01):
        pass
    os.killpg(run.pid, signal.SIGTERM)
    assert run.wait(600) == 75, run.said()
    assert runs.position(tmp_path)["step"] == 1
