"""The words shared by every command that reads a run file: the file, overrides, and leave to import."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leyden.spec import Run


def arguments(parser: ArgumentParser) -> None:
    """Add ``RUN``, ``key=value ...`` and ``--allow-imports``."""
    parser.add_argument("file", metavar="RUN", type=Path, help="run file (YAML, TOML, JSON) or run folder")
    parser.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],  # or argparse calls them required
        help="set a value of the run file, e.g. optimizer.lr=1e-3",
    )
    parser.add_argument(
        "--allow-imports",
        action="store_true",
        help="let the run file import modules (its `imports`)",
    )


def command(name: str, args: Namespace) -> str:
    """The command line that does ``name`` with the same run."""
    allowed = ["--allow-imports"] if args.allow_imports else []
    return shlex.join(["leyden", name, str(args.file), *args.overrides, *allowed])


def load_run(args: Namespace) -> Run:
    """The validated run that the command line names.

    Raises:
        RunFileError: The file, or something it names, is wrong; with every problem found.
        UserError: It is a folder without a run.
    """
    from leyden.runs.folder import RunFolder
    from leyden.spec import UserError, load

    file = args.file
    if file.is_dir():
        file = RunFolder(file).resolved
        if not file.is_file():
            raise UserError(
                f"{args.file} is a folder, but no run folder; `leyden ls {args.file}` lists those in it"
            )
    return load(file, args.overrides, allow_imports=args.allow_imports)
