"""The words that every command on a circuit file takes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def arguments(parser: ArgumentParser) -> None:
    """The circuit, and how to read it."""
    parser.add_argument("circuit", type=Path, metavar="CIRCUIT", help="a .yaml, .json, .soen or .pth file")
    parser.add_argument(
        "--compat",
        action="append",
        metavar="ITEM",
        help="a quirk of the original to bring back; soen: all",
    )


def compat(args: Namespace) -> object:
    """What `leyden.soen.load` takes as ``compat``."""
    return "soen" if "soen" in (args.compat or ()) else args.compat
