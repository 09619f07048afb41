"""`leyden train`: what it says, and what code it leaves with."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from leyden.cli.main import main
from leyden.cli.train import preemptible
from leyden.runs.folder import RunFolder
from tests.faults.children import Child

from .conftest import Example

LEYDEN = Path(sys.executable).with_name("leyden")

#: a Python as on Windows, as far as signals go
FEW_SIGNALS = """\
import os, signal, sys
for name in ("SIGUSR1", "SIGHUP", "pthread_sigmask", "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK"):
    delattr(signal, name)
import lightning.pytorch  # whose packages ask for the name of the system instead
del os.register_at_fork
from leyden.cli.main import main
sys.exit(main())
"""

#: callbacks of a user's, in a module beside the run file
MINE = """\
import os, signal
from leyden.callbacks.callback import Callback, callback

@callback("term_at")
class TermAt(Callback):
    '''Ask the process to leave, as a scheduler does.

    Args:
        step: After which step.
    '''

    def __init__(self, *, step: int) -> None:
        self.step = step

    def on_step_end(self, fit, /) -> None:
        if fit.step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)

@callback("broken")
class Broken(Callback):
    '''Fails.'''

    def on_step_end(self, fit, /) -> None:
        raise RuntimeError("a bug of mine")

@callback("wait_for")
class WaitFor(Callback):
    '''Wait at the first step until a byte can be read.

    Args:
        path: A named pipe.
    '''

    def __init__(self, *, path: str) -> None:
        self.path = path

    def on_step_end(self, fit, /) -> None:
        if fit.step == 1:
            with open(self.path, "rb", buffering=0) as pipe:
                pipe.read(1)
"""


@pytest.fixture
def mine(example: Example) -> Example:
    """The example with a module of callbacks that it may import."""
    (example.file.parent / "my_callbacks.py").write_text(MINE)
    example.file.write_text(example.file.read_text() + "imports: [my_callbacks]\n")
    return example


def test_it_says_what_is_done_where_it_is_and_what_comes_next(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(example.file), "repeats=2", "trainer.max_epochs=1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"blobs, read from {example.file}\n")
    for needed in (
        "96 train, 32 val, 21 test samples",
        "mean ± std",
        "repeat 1",
        str(example.folder),
        "Next:",
    ):
        assert needed in text
    assert main(["test", str(example.folder)]) == 0
    assert "mean ± std" in capsys.readouterr().out


def test_preemption_leaves_with_75_and_the_same_command_goes_on(mine: Example) -> None:
    command = [LEYDEN, "train", mine.file, "--allow-imports", "callbacks=[{type: term_at, step: 5}]"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert (first.returncode, first.stderr) == (75, "")
    assert "preempted after step 5" in first.stdout
    second = Child(lambda: main([str(word) for word in command[1:]]), mine.root / "said.log")
    assert second.wait() == 0
    assert "going on from step 5" in second.said() and "finished: 12 steps" in second.said()
    assert "warning" not in second.said()


def test_output_that_nobody_reads_stops_no_training_and_changes_no_code(mine: Example) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [LEYDEN, "train", mine.file, "--allow-imports", "callbacks=[{type: term_at, step: 5}]"]
    command.append("trainer.enable_progress_bar=true")
    codes = [subprocess.run(command, stdout=writing, stderr=writing).returncode for _ in range(2)]
    os.close(writing)
    assert codes == [75, 0]
    assert [(row.status, row.steps) for row in RunFolder(mine.folder).rows()] == [("finished", 12)]


def test_a_terminal_that_is_closed_stops_no_training(mine: Example) -> None:
    pipe = mine.root.with_name("pipe")
    os.mkfifo(pipe)
    starting = os.open(pipe, os.O_RDWR)  # which waits for nobody
    command = [str(LEYDEN), "train", str(mine.file), "--allow-imports", "trainer.enable_progress_bar=true"]
    process, terminal = pty.fork()
    if process == 0:
        os.execv(LEYDEN, [*command, f"callbacks=[{{type: wait_for, path: {pipe}}}]"])
    said = b""
    while b"run folder" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    os.write(starting, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    os.close(starting)
    assert [row.steps for row in RunFolder(mine.folder).rows()] == [12]


def test_a_system_with_few_signals_trains_all_the_same(example: Example) -> None:
    line = [sys.executable, "-c", FEW_SIGNALS, "train", example.file]
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "finished: 12 steps" in done.stdout


def test_a_failure_inside_is_1_with_its_traceback_in_the_run_folder(
    mine: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(mine.file), "--allow-imports", "callbacks=[broken]"]) == 1
    said = capsys.readouterr().err
    file = mine.folder / "logs" / f"error-{os.getpid()}.txt"
    assert said == (
        f"leyden: stopped by RuntimeError in {mine.file.with_name('my_callbacks.py')}:24: a bug of mine\n"
        f"The full traceback is in {file}; `--traceback` shows it.\n"
    )
    assert "in on_step_end" in file.read_text()


def test_a_wrong_run_file_is_2_and_leaves_no_folder(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(example.file), "model.hiden=[3]", "data.train.sample=4"]) == 2
    said = capsys.readouterr().err
    assert "2 problems" in said and "did you mean `hidden`?" in said and "did you mean `samples`?" in said
    assert not example.root.exists()


def test_code_is_only_imported_when_allowed(mine: Example, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(mine.file)]) == 2
    assert "--allow-imports" in capsys.readouterr().err


def test_leave_to_import_reaches_the_processes_that_are_started(mine: Example) -> None:
    words = ["trainer.devices=2", "trainer.max_epochs=1", "callbacks=[{type: term_at, step: 99}]"]
    command = [LEYDEN, "train", mine.file, "--allow-imports", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "finished: 3 steps" in done.stdout


def test_raw_weights_and_their_average_are_exported_by_choice(example: Example, tmp_path: Path) -> None:
    averaged = [str(example.file), "ema={decay: 0.9}", "trainer.max_epochs=2"]
    assert main(["train", *averaged]) == 0
    files = {choice: tmp_path / f"{choice or 'none'}.safetensors" for choice in ("raw", "ema", "")}
    for choice, file in files.items():
        words = ["--weights", choice] if choice else []
        assert main(["export", *averaged, "--format", "safetensors", "-o", str(file), *words]) == 0
    raw, ema, none = (load_file(file) for file in files.values())
    assert all(torch.equal(ema[name], none[name]) for name in ema)
    assert not any(torch.equal(ema[name], raw[name]) for name in ema)


def test_a_training_that_fails_leaves_signal_handlers_as_they_were() -> None:
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ValueError, match="in between"), preemptible():
        assert signal.getsignal(signal.SIGTERM) != before[0]
        raise ValueError("in between")
    assert [signal.getsignal(number) for number in numbers] == before
