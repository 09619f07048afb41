"""Every snippet of the documentation runs: what a reader copies works.

A page is run from top to bottom in an empty folder. Blocks with ``file=`` become files; other ``python``
blocks run in one session; other ``yaml`` blocks must be pieces of a run file, and are checked on top of
``base.yaml``; ``console`` blocks are typed, and print what the page says. ``sh`` blocks are for outside of
the folder (``make``, ``git``); of those only the targets are checked.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.page import Block, Command, blocks, commands, matches
from tests.faults.children import Child

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "recipes").glob("*/README.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copy(ROOT / "recipes" / "digits" / "run.yaml", tmp_path / "base.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    session: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        run(block, tmp_path, session)


def run(block: Block, folder: Path, session: dict[str, Any]) -> None:
    """Do with a block what a reader would do with it."""
    if block.file is not None:
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    elif block.language == "python":
        exec(compile(block.text, str(block), "exec"), session)
    elif block.language == "yaml":
        check_fragment(block, folder)
    elif block.language == "console":
        for command in commands(block):
            code, said = (typed if is_typed(block, command) else forked)(command.words, folder)
            told = f"{block} $ {command.words}\n{said}"
            assert code == command.exit_code, told
            assert not command.output or matches(command.output, said), told


def check_fragment(block: Block, folder: Path) -> None:
    """A piece of a run file is right if a run file that holds it is; a whole one stands for itself."""
    from leyden.spec import load

    path = folder / f"fragment_{block.line}.yaml"
    whole = re.search(r"^model:", block.text, re.MULTILINE)
    path.write_text(block.text if whole else f"extends: base.yaml\n{block.text}")
    load(path, allow_imports=True)


def is_typed(block: Block, command: Command) -> bool:
    """Whether a command has to be typed: what needs a shell, and once what everybody types first."""
    first = block.page == "README.md" and command.words.startswith("leyden train")
    return first or not re.fullmatch(r"leyden [^|&;<>$]+", command.words)


def forked(words: str, folder: Path) -> tuple[int, str]:
    """The same from a process that has imported torch and Lightning already: exit code, and what it said."""
    import leyden.backends.torch.fit  # noqa: F401  # for all children
    from leyden.cli.main import main

    child = Child(lambda: main(shlex.split(words)[1:]), folder / "said.log")
    code, said = child.wait(), child.said()
    child.log.unlink()
    return code, said


def typed(words: str, folder: Path) -> tuple[int, str]:
    """Run one line of shell as a reader would, with `leyden` at hand: exit code, and what it said."""
    here = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        ["bash", "-c", words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("page", [*PAGES, *RECIPES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_that_a_page_names_exist(page: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", [*PAGES, *RECIPES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_commands_of_the_documentation_exist():
    from leyden.cli.commands import COMMANDS

    for page in [*PAGES, *RECIPES]:
        named = set(re.findall(r"(?:^|`|\$ )leyden ([a-z]+)\b", page.read_text(), re.MULTILINE))
        planned = (
            {"convert", "compare", "report", "data", "sweep", "submit"} if page.name == "design.md" else set()
        )
        assert named <= COMMANDS.keys() | planned | {"help"}, page.name
