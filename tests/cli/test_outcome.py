"""Every end has one message and one code, and no traceback that nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from leyden.cli.main import main
from leyden.cli.outcome import guarded
from leyden.data.plan import Plan
from leyden.main.reproduce import Repeat, Reproduction
from leyden.spec.errors import UserError

LINE = Path(__file__).read_text().splitlines().index("        raise error  # line LINE") + 1


def end(
    error: BaseException,
    capsys: pytest.CaptureFixture[str],
    *,
    traceback: bool = False,
    folder: Path | None = None,
) -> tuple[int, str]:
    def run(args: Namespace) -> int:
        raise error  # line LINE

    code = guarded(run, Namespace(traceback=traceback, run_folder=folder))
    said = capsys.readouterr()
    assert said.out == ""
    return code, said.err


def test_a_command_that_comes_to_its_end_gives_its_own_code() -> None:
    def ended(args: Namespace) -> int:
        return 75

    assert guarded(ended, Namespace(traceback=False, run_folder=None)) == 75


def test_wrong_input_is_its_message_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(UserError("no such thing"), capsys) == (2, "no such thing\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--help", 0),
        ("parts", 0),
        ("soen", 0),
        ("train --help", 0),
        ("check --json missing.yaml", 2),
        ("xyz", 2),
    ],
)
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_has_seen_enough_changes_no_code(words: str, code: int, closed: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "leyden", *words.split()]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writing}
    done = subprocess.run(line, text=True, **pipes)
    os.close(writing)
    assert done.returncode == code
    assert "Error" not in (done.stderr or "") and "Traceback" not in (done.stderr or "")


def test_a_program_without_standard_streams_ends_as_any_other() -> None:
    line = [sys.executable, "-m", "leyden", "check", "missing.yaml"]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *line])
    assert done.returncode == 2


def test_a_pipe_that_breaks_elsewhere_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = end(BrokenPipeError("the tracker's server"), capsys)
    assert code == 1 and "the tracker's server" in said


def test_any_value_error_of_this_package_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    def run(args: Namespace) -> int:
        Plan(samples=0, batch_size=1, max_steps=1)
        return 0

    assert guarded(run, Namespace(traceback=False, run_folder=None)) == 2
    assert "at least one sample" in capsys.readouterr().err


def test_a_value_error_from_elsewhere_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(ValueError("deep inside"), capsys)[0] == 1


def test_an_interruption_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(KeyboardInterrupt(), capsys) == (130, "\ninterrupted\n")


def test_anything_else_is_1_and_its_traceback_is_in_the_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = end(RuntimeError("device lost\n\npages of detail"), capsys, folder=tmp_path)
    [file] = (tmp_path / "logs").iterdir()
    assert code == 1
    assert said == (
        f"leyden: stopped by RuntimeError in {__file__}:{LINE}: device lost\n"
        f"The full traceback is in {file}; `--traceback` shows it.\n"
    )
    text = file.read_text()
    assert text.startswith("Traceback") and "pages of detail" in text


def test_without_a_run_folder_the_traceback_is_in_the_temporary_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = end(RuntimeError("x"), capsys, folder=tmp_path / "not made yet")
    [file] = tmp_path.iterdir()
    assert code == 1 and str(file) in said


def test_traceback_shows_it_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = end(RuntimeError("x"), capsys, traceback=True)
    assert code == 1
    assert said.startswith("Traceback") and said.endswith(
        f"leyden: stopped by RuntimeError in {__file__}:{LINE}: x\n"
    )


def test_a_training_again_is_told_by_its_first_process_alone(monkeypatch, capsys, tmp_path: Path) -> None:
    again = Reproduction(repeats=[Repeat(repeat=0, then="ab", now="")], reasons=["nothing came of it"])
    monkeypatch.setattr("leyden.main.reproduce.reproduce", lambda *words, **more: again)
    assert (main(["reproduce", str(tmp_path)]), "not finished" in capsys.readouterr().out) == (1, True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (main(["reproduce", str(tmp_path)]), capsys.readouterr().out) == (0, "")
