"""leyden ls: Runs and their results in a table, the newest first.

Examples:
  leyden ls                            everything under ./runs
  leyden ls runs/project_default
  leyden ls --checkpoints RUN_FOLDER   what one run kept
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument(
        "root", metavar="ROOT", nargs="?", type=Path, default=Path("runs"), help="where to look [runs]"
    )
    parser.add_argument(
        "--checkpoints", action="store_true", help="list the checkpoints of the run folder ROOT"
    )


def run(args: Namespace) -> int:
    """Print the table."""
    raise NotImplementedError
