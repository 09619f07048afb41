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

from leyden.cli import terminal, trained


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    trained.arguments(parser)
    parser.add_argument("--data", choices=("val", "test"), default="test", help="which data [test]")


def run(args: Namespace) -> int:
    """Evaluate, and print a table."""
    subject = trained.trained(args)
    from leyden.backends.torch.inference import evaluate

    values = evaluate(subject.parts(), subject.checkpoint, args.data)
    print(f"{subject.checkpoint}\n")
    rows = [[name, f"{value:.6g}"] for name, value in values.items()]
    terminal.table(["measured", "value"], rows, right=["value"])
    return 0
