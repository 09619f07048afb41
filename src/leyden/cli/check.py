"""leyden check: Every problem of a run file and its data, before anything is built.

All problems are reported together, each with file, line, rule, value and the
nearest right spelling; then what the run will do: steps, batches, parameters,
memory. Takes a fraction of a second and imports no torch; with --deep one real
batch goes through model, losses and metrics as well. Leaves with code 2 if
something is wrong.

Examples:
  leyden check run.yaml
  leyden check run.yaml trainer.max_epochs=50 data.batch_size=256
  leyden check run.yaml --deep
  leyden check run.yaml --json          for editors and scripts
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from leyden.cli import run_file, terminal
from leyden.cli.outcome import DONE, WRONG_INPUT

if TYPE_CHECKING:
    from leyden.main.check import Report
    from leyden.spec import Problem


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_file.arguments(parser)
    parser.add_argument("--deep", action="store_true", help="push one real batch through everything")
    parser.add_argument("--json", action="store_true", help="print problems and facts as JSON")


def run(args: Namespace) -> int:
    """Check, and say what was found."""
    from leyden.spec import RunFileError

    try:
        report = checked(args)
    except RunFileError as error:
        if not args.json:
            raise
        print(json.dumps({"problems": [plain(problem) for problem in error.problems]}, indent=2))
        return WRONG_INPUT
    if args.json:
        print(json.dumps({"problems": [], "warnings": report.warnings, "facts": report.facts}, indent=2))
    else:
        print(f"{args.file}: nothing wrong\n")
        tell(report)
        if not args.deep:
            print(
                f"\nOne real batch goes through everything with\n  {run_file.command('check', args)} --deep"
            )
    return DONE


def checked(args: Namespace) -> Report:
    """The report on a run without problems.

    Raises:
        RunFileError: Every problem, those of the file alone or else those that show with its data.
    """
    run = run_file.load_run(args)
    from leyden.main.check import check

    report = check(run, deep=args.deep)
    report.require(str(args.file))
    return report


def tell(report: Report, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Print facts by topic, ``more`` after them, then warnings."""
    terminal.facts({**report.facts, **more})
    for warning in report.warnings:
        print(f"warning: {warning}")


def plain(problem: Problem) -> dict[str, Any]:
    """A problem as JSON has it; ``message`` is what a person would have read."""
    place = problem.place
    return {
        "file": str(Path(place.file)),
        "line": place.line,
        "column": place.column,
        "key": problem.key,
        "rule": problem.rule,
        "value": repr(problem.value),
        "allowed": problem.allowed,
        "hint": problem.hint,
        "nearest": problem.nearest,
        "message": str(problem),
    }
