"""Help answers at once, lists what there is, and every command explains itself with an example."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import leyden.cli
from leyden.cli.commands import COMMANDS
from leyden.cli.main import main

HEAVY = ["torch", "lightning", "pydantic", "rich", "numpy", "ruamel", "pandas"]


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["parts", "--help"], ["export", "-h"]], ids=" ".join
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = f"import sys, leyden.cli.main as m; m.main({words}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert "usage: leyden" in done.stdout
    assert not set(HEAVY) & set(done.stderr.split())


def test_installed_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    script = Path(sys.executable).with_name("leyden")
    done = subprocess.run([script, "--help"], capture_output=True, text=True)
    assert main(["--help"]) == 0
    assert (done.returncode, done.stdout, done.stderr) == (0, capsys.readouterr().out, "")


def test_table_and_files_are_the_same_commands() -> None:
    folder = Path(leyden.cli.__file__).parent
    with_run = {path.stem for path in folder.glob("*.py") if "def run(args" in path.read_text()}
    assert with_run == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_of_itself(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"  leyden {command}" in text.partition("examples:")[2]
    assert max(map(len, text.splitlines())) <= 80
    doc = import_module(f"leyden.cli.{command}").__doc__
    assert doc is not None and doc.startswith(f"leyden {command}: ")


@pytest.mark.parametrize("words", [[], ["help"], ["-h"], ["--help"]], ids=str)
def test_overview_lists_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_a_command_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "schema"]) == 0
    assert capsys.readouterr().out.startswith("usage: leyden schema")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.split()[0] == "leyden"
