"""leyden soen show: What is in a circuit: layers, connections, parameters, physical units.

Examples:
  leyden soen show circuit.yaml
  leyden soen show model.soen
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leyden.cli.soen import circuit_file


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    circuit_file.arguments(parser)


def run(args: Namespace) -> int:
    """Read the circuit and describe it."""
    from leyden.soen.files import load
    from leyden.soen.summary import summary

    with circuit_file.warnings_told():
        print(summary(load(args.circuit, compat=args.compat)))
    return 0
