"""The recipes that come with Leyden: where they are, what each is about, and a copy to work with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import leyden

#: what running a recipe in place leaves behind; a copy starts without it
LEFTOVERS = ("runs", "__pycache__", "leyden.schema.json")


def recipes() -> dict[str, Path]:
    """Name -> folder of every recipe: in the installed package, or at the top of a checkout."""
    package = Path(leyden.__file__).parent
    for home in (package / "recipes", package.parent.parent / "recipes"):
        found = {file.parent.name: file.parent for file in sorted(home.glob("*/run.yaml"))}
        if found:
            return found
    return {}


def summary(folder: Path) -> str:
    """The first line of the comment that opens a recipe's run file."""
    comments = (line.lstrip("# ").rstrip() for line in (folder / "run.yaml").read_text().splitlines())
    return next((text for text in comments if text and not text.startswith("yaml-language-server")), "")


def copy(recipe: Path, folder: Path) -> None:
    """Put a recipe's files into ``folder``, which must be new or empty.

    Raises:
        UserError: Something is there already, and would be overwritten.
    """
    from leyden.spec.errors import UserError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} is not empty, and nothing is overwritten. "
            f"Another place: `leyden new {recipe.name} FOLDER`."
        )
    shutil.copytree(recipe, folder, ignore=shutil.ignore_patterns(*LEFTOVERS), dirs_exist_ok=True)


def prepare(folder: Path) -> None:
    """Run the copied recipe's ``prepare.py``, if it has one, to get its data.

    Raises:
        UserError: The data cannot be had here; with what the script says to do about it.
    """
    from leyden.spec.errors import UserError

    if not (folder / "prepare.py").exists():
        return
    done = subprocess.run([sys.executable, "prepare.py"], cwd=folder, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = done.stderr.strip()
        if "Traceback" in said:
            said = f'{said.splitlines()[-1]}\nThe recipes need `pip install "leyden[standard]"`.'
        raise UserError(
            f"{folder} has the recipe, but not its data yet: prepare.py stopped with\n{said}\n"
            f"Once that is mended: `python {folder / 'prepare.py'}`"
        )
