"""leyden train: Train a run file, or go on where it stopped.

The run file is checked whole first. What the run writes goes into one run
folder: the resolved run file, checkpoints, every number, results. If the run
was interrupted, the same command goes on with the next step; if it is
finished, it says so. Leaves with code 0 when done, 2 if the run file or the
data is wrong, 75 if it was preempted and can go on, 130 after Ctrl-C, 1 after
anything else.

Examples:
  leyden train run.yaml
  leyden train run.yaml optimizer.lr=1e-3 trainer.max_epochs=50
  leyden train run.yaml repeats=5        mean and deviation over five seeds
  leyden train run.yaml --fresh          from the beginning, not where it stopped
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leyden.cli import run_file


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_file.arguments(parser)
    parser.add_argument("--fresh", action="store_true", help="begin anew; what was there is kept beside")


def run(args: Namespace) -> int:
    """Train, and say how it went."""
    raise NotImplementedError
