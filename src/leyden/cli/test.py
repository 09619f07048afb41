"""leyden test: Evaluate a trained model on the run's test data.

Uses every sample once, without padding, so the numbers are the same for any
batch size and number of devices.

Examples:
  leyden test run.yaml
  leyden test runs/project_default/experiment_digits/group_1a2b3c4d
  leyden test run.yaml --checkpoint last
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leyden.cli import run_folder


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_folder.arguments(parser)


def run(args: Namespace) -> int:
    """Evaluate, and print a table."""
    raise NotImplementedError
