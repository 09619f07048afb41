"""Files that cannot be what a command needs: a message with the file and the rule, code 2, no traceback."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from leyden.cli.main import main

from .conftest import Example


def refused(words: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err and "stopped by" not in err
    return err


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "EOFError"),
        (b"name: a run file", "Unsupported operand"),
        (bytes(range(256)), "be read as one"),
        (pickle.dumps({"state_dict": Hostile()}, protocol=2), "exec"),
    ],
    ids=["empty", "text", "binary", "hostile"],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_nothing_of_it_runs(
    content: bytes, why: str, trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.ckpt"
    file.write_bytes(content)
    said = refused(["test", trained.folder, "--checkpoint", file], capsys)
    assert str(file) in said and "must be a checkpoint" in said and why in said


def test_a_checkpoint_of_something_else_is_refused(
    trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.ckpt")
    assert "no weights" in refused(["test", trained.folder, "--checkpoint", tmp_path / "other.ckpt"], capsys)
    torch.save({"state_dict": {"a": torch.zeros(2)}, "leyden": {}}, tmp_path / "other.ckpt")
    assert "do not fit" in refused(["test", trained.folder, "--checkpoint", tmp_path / "other.ckpt"], capsys)


@pytest.mark.parametrize("repeat", ["-1", "1", "99"])
def test_a_repeat_that_the_run_does_not_have_is_refused(
    repeat: str, trained: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(["test", trained.folder, f"--repeat={repeat}"], capsys)
    assert f"counted from 0, but got {repeat}" in said


@pytest.mark.parametrize(
    "words",
    [["schema"], ["predict", "RUN"], ["export", "RUN", "--format", "safetensors"]],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("place", ["a folder", "below a file", "nowhere"])
def test_where_nothing_can_be_written_is_told_before_the_work(
    place: str,
    words: list[str],
    trained: Example,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.csv").mkdir()
    places = {
        "a folder": tmp_path / "folder.csv",
        "below a file": trained.file / "x.csv",
        "nowhere": Path("/proc/x.csv"),
    }
    monkeypatch.setattr("leyden.main.build.build", lambda *_: pytest.fail("the work was begun"))
    command = [trained.folder if word == "RUN" else word for word in words]
    said = refused([*command, "--output", places[place]], capsys)
    assert "--output" in said and str(places[place]) in said


def test_a_recipe_goes_nowhere_where_nothing_can_be_written(
    trained: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    assert str(trained.file) in refused(["new", "digits", trained.file / "digits"], capsys)
