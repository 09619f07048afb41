"""What is committed speaks of Leyden only, and reads the same on any machine."""

from __future__ import annotations

import re
import subprocess

from tests.structure.source import ROOT

MACHINE_PATH = re.compile(r"(?<![\w.$~{}])/(work|root|home|Users)/")


def committed_text() -> dict[str, str]:
    """Every text file under version control; the files that are there where there is no git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [
            path.relative_to(ROOT).as_posix()
            for folder in ("src", "tests", "docs", "recipes", "benchmarks", "scripts")
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture or an array, or deleted and not yet committed
    return found


def test_no_file_names_a_folder_of_one_machine():
    found = [
        f"{name}:{number} {line.strip()}"
        for name, text in committed_text().items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []
