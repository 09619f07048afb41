"""leyden ls: Runs and their results in a table, the newest first.

Examples:
  leyden ls                            everything under ./runs
  leyden ls runs/project_default
  leyden ls RUN_FOLDER --checkpoints   what one run kept
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from leyden.cli import terminal

if TYPE_CHECKING:
    from leyden.runs.table import Listed

#: a terminal of so many columns takes a run in a line; narrower ones break its path where paths may be
WIDE = 110


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument(
        "root", metavar="ROOT", nargs="?", type=Path, default=Path("runs"), help="where to look [runs]"
    )
    parser.add_argument("--checkpoints", action="store_true", help="list the checkpoints of the runs")
    parser.add_argument("--json", action="store_true", help="print everything known of each run as JSON")


def run(args: Namespace) -> int:
    """Print the table."""
    from leyden.runs.table import runs_under
    from leyden.spec import UserError

    if not args.root.is_dir():
        raise UserError(
            f"{args.root}: no such folder; runs are written under `folder.root`, which is runs by default"
        )
    runs = runs_under(args.root)
    if args.json:
        print(json.dumps([asdict(one) for one in runs], indent=2, default=str))
    elif not runs:
        print(f"no runs under {args.root}")
    elif args.checkpoints:
        for one in runs:
            tell_checkpoints(one.path)
    else:
        tell_runs(runs, args.root)
    return 0


def tell_runs(runs: list[Listed], root: Path) -> None:
    """A line a run."""
    columns = [f"under {root}", "status", "measured", "steps", "time", "begun (UTC)"]
    terminal.table(columns, [row(one, root) for one in runs], right=["steps", "time"])
    for one in runs:
        if one.note:
            print(f"\n{one.path}: {one.note}")


def row(one: Listed, root: Path) -> list[str]:
    """A run's cells."""
    folder = str(one.path.relative_to(root)) if one.path.is_relative_to(root) else str(one.path)
    if terminal.is_terminal() and get_terminal_size().columns < WIDE:
        folder = "/\n".join(" " * depth + name for depth, name in enumerate(folder.split("/")))
    status = one.status if one.repeats < 2 else f"{one.status} {one.done}/{one.repeats}"
    value = "" if one.value is None else f"{one.metric} {one.value}"
    return [
        folder,
        status,
        value,
        f"{one.steps:,}",
        terminal.duration(one.seconds),
        one.begun[:16].replace("T", " "),
    ]


def tell_checkpoints(path: Path) -> None:
    """A line a checkpoint of a run, and whether it is what was written."""
    from leyden.runs.folder import RunFolder

    folder = RunFolder(path)
    rows: list[list[str]] = []
    for repeat in range(int(folder.summary["repeats"])):
        index = folder.index(repeat)
        for entry in index.entries():
            state = index.problem(entry) or "intact"
            size = f"{entry.bytes / 1e6:.1f} MB"
            rows.append([str(repeat), entry.file, f"{entry.step:,}", size, ", ".join(entry.kept), state])
    print(terminal.bold(str(path)))
    terminal.table(["repeat", "file", "step", "size", "kept as", "state"], rows, right=["step", "size"])
