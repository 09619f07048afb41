"""leyden predict: Write a trained model's predictions to a file, one row a sample.

The ending of the file says the format: .csv, .jsonl, .npz or .parquet.

Examples:
  leyden predict run.yaml --data test -o predictions.csv
  leyden predict RUN_FOLDER --data val -o val.parquet --checkpoint last
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import run_folder


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_folder.arguments(parser)
    parser.add_argument("--data", choices=("train", "val", "test"), default="test", help="which data [test]")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write")


def run(args: Namespace) -> int:
    """Predict, and write."""
    raise NotImplementedError
