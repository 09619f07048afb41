"""Help answers at once, lists what there is, and every command explains itself with an example."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import leyden.cli
from leyden.cli.commands import COMMANDS, GROUPS
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
    assert with_run == COMMANDS.keys() - GROUPS.keys()
    for group, table in GROUPS.items():
        inside = (folder / group).glob("*.py")
        with_run = {path.stem.replace("_", "-") for path in inside if "def run(args" in path.read_text()}
        assert with_run == table.keys()


def test_a_group_lists_its_commands_and_explains_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soen"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in GROUPS["soen"])
    assert main(["soen", "simulat"]) == 2
    assert "`simulate`" in capsys.readouterr().err


INSIDE = [f"{group} {name}" for group, table in GROUPS.items() for name in table]


@pytest.mark.parametrize("command", [*sorted(COMMANDS.keys() - GROUPS.keys()), *INSIDE])
def test_every_command_has_help_with_an_example_of_itself(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"  leyden {command}" in text.partition("examples:")[2]
    assert max(map(len, text.splitlines())) <= 80
    doc = import_module("leyden.cli." + command.replace(" ", ".").replace("-", "_")).__doc__
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
