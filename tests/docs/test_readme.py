"""The README's tree of the repository is the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNTOLD = {"README.md", ".gitignore"}  # the page itself, and what every repository has


def told() -> tuple[set[str], set[str]]:
    """Names at the top of the tree and those indented under ``src/leyden/``."""
    found = re.search(r"```tree\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    names = [line[: len(line) - len(line.lstrip())] + line.split()[0] for line in found[1].splitlines()]
    return {n.rstrip("/") for n in names if n[0] != " "}, {
        n.strip().rstrip("/") for n in names if n[0] == " "
    }


def committed() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_every_room_is_told_and_every_room_told_exists():
    _, rooms = told()
    there = {path.name for path in (ROOT / "src" / "leyden").iterdir() if path.suffix in ("", ".py")}
    assert rooms == {name for name in there if not name.startswith("_")}


def test_every_top_level_name_is_told_and_every_name_told_exists():
    names, _ = told()
    there = {name.split("/")[0] for name in committed()} - UNTOLD - {"src"} | {"src/leyden"}
    assert names == there
