"""leyden soen rate-table: Compute the table that the RateArray source reads, from the circuit equations.

Integrates the two-junction interferometer at every point of a grid of bias
currents and fluxes, and writes the mean voltage g. Without options this is the
table that Leyden ships; another circuit or grid by choice. Takes minutes.

Examples:
  leyden soen rate-table --output rate_table.npz
  leyden soen rate-table --output damped.npz --beta-c 0.1
  leyden soen rate-table --output coarse.npz --currents 0.95 2.5 51 --fluxes 51
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from math import isfinite, pi
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import output

if TYPE_CHECKING:
    from leyden.soen.archive import Array
    from leyden.soen.interferometer import Interferometer

#: points of a table; about 250 times as many as ship
MOST = 10_000_000
#: steps of time at each point; about 700 times as many as the circuit of the shipped table takes
LONGEST = 10_000_000


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    option = parser.add_argument
    option("--output", type=Path, required=True, metavar="OUT.npz", help="where the table goes")
    option("--beta-c", type=float, default=0.3, metavar="X", help="Stewart-McCumber parameter (0.3)")
    option("--beta", type=float, default=pi / 2, metavar="X", help="inductance parameter (pi/2)")
    option(
        "--currents",
        nargs=3,
        default=("0.95", "2.5", "201"),
        metavar=("FIRST", "LAST", "N"),
        help="bias currents, in critical currents (0.95 2.5 201)",
    )
    option("--fluxes", type=int, default=201, metavar="N", help="fluxes from 0 to 0.5, so many (201)")


def run(args: Namespace) -> int:
    """Compute the table and write it."""
    currents, circuit = _currents(args), _circuit(args)
    output.ready(args.output, "--output")
    table = circuit.table(currents, args.fluxes, _progress)
    table.write(args.output)
    rows, columns = table.rates.shape
    lowest, highest = table.rates.min(), table.rates.max()
    print(f"{args.output}: {rows} currents x {columns} fluxes, g from {lowest:.4g} to {highest:.4g}")
    return 0


def _currents(args: Namespace) -> Array:
    """The rows of the table; the columns are looked at, too."""
    import numpy as np

    from leyden.spec.errors import UserError

    try:
        first, last, rows = float(args.currents[0]), float(args.currents[1]), int(args.currents[2])
    except ValueError:
        given = " ".join(args.currents)
        raise UserError(
            f"--currents takes two numbers and a count, such as 0.95 2.5 201, but got {given}"
        ) from None
    if not 0 <= first < last or not isfinite(last) or rows < 2 or args.fluxes < 2:
        raise UserError(
            "a table needs at least 2 currents from 0 on in ascending order and 2 fluxes, but got "
            f"--currents {first:g} {last:g} {rows} --fluxes {args.fluxes}"
        )
    if rows * args.fluxes > MOST:
        raise UserError(
            f"a table has at most {MOST:,} points, but --currents and --fluxes ask for "
            f"{rows:,} x {args.fluxes:,}; the one that ships has 201 x 201"
        )
    return np.linspace(first, last, rows)


def _circuit(args: Namespace) -> Interferometer:
    """The circuit, where it can be followed in a time that somebody waits for."""
    from leyden.soen.interferometer import Interferometer
    from leyden.spec.errors import UserError

    circuit = Interferometer.suited(args.beta_c, args.beta)
    steps = (circuit.settle + circuit.measure) / circuit.step
    if steps > LONGEST:
        raise UserError(
            f"a point takes at most {LONGEST:,} steps of time, but --beta-c {args.beta_c:g} and "
            f"--beta {args.beta:g} need {steps:.2g}; the circuit of the table that ships takes 15,000"
        )
    return circuit


def _progress(share: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{share:4.0%}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)
