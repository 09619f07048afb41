"""leyden test: Evaluate a trained model on the run's test data.

Every sample counts once and none is padded, so the numbers are the same for any
batch size and number of devices. Of a run with repeats, all are evaluated.

Examples:
  leyden test run.yaml
  leyden test runs/project_default/experiment_digits/group_1a2b3c4d
  leyden test run.yaml --checkpoint last
  leyden test run.yaml --json
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from leyden.cli import results, trained


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    trained.arguments(parser)
    parser.add_argument("--repeat", type=int, metavar="K", help="which repeat of the run [all]")
    parser.add_argument("--data", choices=("val", "test"), default="test", help="which data [test]")
    parser.add_argument("--json", action="store_true", help="print the numbers of each repeat as JSON")


def run(args: Namespace) -> int:
    """Evaluate, and print a table."""
    run, folder = trained.found(args)
    repeats = trained.repeats(folder) if args.repeat is None else [args.repeat]
    subjects = [trained.state(args, run, folder, repeat) for repeat in repeats]
    from leyden.backends.torch.inference import evaluate

    measured = {
        one.repeat: evaluate(one.parts(), one.checkpoint, args.data, one.shortage_report) for one in subjects
    }
    if args.json:
        print(json.dumps(measured, indent=2))
        return 0
    for one in subjects:
        print(one.checkpoint)
    print()
    results.numbers(measured)
    return 0
