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

from argparse import ArgumentParser, Namespace

from leyden.cli import run_file


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_file.arguments(parser)
    parser.add_argument(
        "--deep", action="store_true", help="push one real batch through model, losses and metrics"
    )
    parser.add_argument("--json", action="store_true", help="print problems and facts as JSON")


def run(args: Namespace) -> int:
    """Check, and say what was found."""
    raise NotImplementedError
