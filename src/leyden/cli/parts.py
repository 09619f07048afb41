"""leyden parts: The catalogue of everything a run file can name, with its settings.

Examples:
  leyden parts                      every kind, with the names of its parts
  leyden parts loss                 the losses, a line each
  leyden parts loss focal           one of them: settings, defaults, an example
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument("kind", metavar="KIND", nargs="?", help="e.g. loss, metric, model, source")
    parser.add_argument("name", metavar="NAME", nargs="?", help="e.g. focal")


def run(args: Namespace) -> int:
    """Print what was asked for."""
    raise NotImplementedError
