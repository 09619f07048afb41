"""The words shared by every command that uses a trained run: its folder or its run file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def arguments(parser: ArgumentParser) -> None:
    """Add the run, ``--checkpoint``, ``--weights`` and ``--repeat``."""
    parser.add_argument(
        "run", metavar="RUN_FOLDER|RUN", type=Path, help="a run folder, or the run file of one"
    )
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="best|last|PATH",
        help="which of the run's states to take [best]",
    )
    parser.add_argument(
        "--weights",
        choices=("raw", "ema"),
        help="trained weights or their moving average [what validation used]",
    )
    parser.add_argument("--repeat", type=int, default=0, metavar="K", help="which repeat of the run [0]")
