"""leyden reproduce: Train a finished run again, and compare the weights bit by bit.

Trains the resolved run file of a run folder in a temporary folder. The same
weights on the same software and hardware are promised; where they differ,
what else differs is named: data, code, packages, machine. Leaves with code 0
if every repeat gives the same weights, 1 if one does not.

Examples:
  leyden reproduce runs/project_default/experiment_digits/group_1f2e3d4c
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import terminal
from leyden.cli.outcome import DONE, FAILED


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument("folder", metavar="RUN_FOLDER", type=Path, help="folder of a finished run")
    parser.add_argument(
        "--allow-imports", action="store_true", help="let the run import code of its own, as it did then"
    )


def run(args: Namespace) -> int:
    """Train again, and say what came out."""
    from tempfile import TemporaryDirectory

    from leyden.main.reproduce import reproduce
    from leyden.runs.folder import RunFolder
    from leyden.runs.processes import rank

    with TemporaryDirectory(prefix="leyden-") as scratch:
        found = reproduce(RunFolder(args.folder), Path(scratch), allow_imports=args.allow_imports)
    if rank() != 0:  # the results are rank 0's, and so is the comparison
        return DONE
    rows = [
        [str(one.repeat), one.then[:16], one.now[:16] or "not finished", "same" if one.same else "different"]
        for one in found.repeats
    ]
    terminal.table(["repeat", "weights then", "weights now", ""], rows)
    for reason in found.reasons:
        print(f"\n{reason}")
    return DONE if found.same else FAILED
