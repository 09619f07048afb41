"""leyden soen simulate: The history of every layer of a circuit, from an input over time.

The input is an array `input` of shape (batch, time, features) in an .npz file.
Parameters may come from a second one, as arrays param/<state dict name>,
mask/<connection>, init/layer_<id> and wicc_j_out/<connection>. Histories are
written as layer_<id>, of shape (batch, time + 1, features of the layer).

Examples:
  leyden soen simulate circuit.yaml --input x.npz --output states.npz
  leyden soen simulate circuit.yaml --input x.npz --output y.npz --plot y.png
  leyden soen simulate model.soen --input x.npz --output y.npz --dtype float64
"""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import output
from leyden.cli.soen import circuit_file

if TYPE_CHECKING:
    from leyden.soen.archive import Arrays
    from leyden.soen.saved import Saved


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    circuit_file.arguments(parser)
    option = parser.add_argument
    option("--input", type=Path, required=True, metavar="X.npz", help="the array `input`")
    option("--output", type=Path, required=True, metavar="OUT.npz", help="where the histories go")
    option("--parameters", type=Path, metavar="P.npz", help="parameters, masks and initial states")
    option("--dtype", choices=("float32", "float64"), default="float32", help="precision (float32)")
    option("--seed", type=int, metavar="N", help="first values and noise; otherwise the circuit's own seed")
    option("--rate-table", type=Path, metavar="FILE", help="table of the RateArray source")
    option("--plot", type=Path, metavar="OUT.png", help="a picture of states, flux and g")
    option("--sample", type=int, metavar="N", help="which sample the picture shows (0)")


def run(args: Namespace) -> int:
    """Simulate, and say what was written."""
    import numpy as np

    from leyden.soen import plot
    from leyden.soen.archive import arrays_of, input_of, write_arrays
    from leyden.soen.files import load
    from leyden.soen.rate_table import RateTable
    from leyden.soen.simulate import simulate

    _refuse(args)
    saved = load(args.circuit, compat=circuit_file.compat(args))
    read = (*circuit_file.files(args.circuit, saved), args.input, args.parameters, args.rate_table)
    output.ready(args.output, "--output", read)
    if args.plot:
        output.ready(args.plot, "--plot", read)
    held = arrays_of(args.input)
    x, given = input_of(held, args.input), _given(args, held)
    table = RateTable.read(args.rate_table) if args.rate_table else None
    if args.plot:
        saved = _recording(saved)
        plot.ready(args.plot, len(x), args.sample or 0)
    with _warnings_told(), _files_named(args):
        found = simulate(saved, x, given, dtype=args.dtype, seed=args.seed, table=table)
        for name, array in found.items():
            if not np.isfinite(array).all():
                warnings.warn(f"{name} holds numbers that are not finite", stacklevel=1)
    with output.replacing(args.output) as file:
        write_arrays(file, found)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items() if name.startswith("layer_"))
    print(f"{args.output}: {shapes}")
    if args.plot:
        dt, sample = saved.circuit.simulation.dt, args.sample or 0
        with output.replacing(args.plot) as file:
            plot.plot(found, args.plot, dt=dt, sample=sample, title=args.circuit.name, into=file)
        print(args.plot)
    return 0


def _refuse(args: Namespace) -> None:
    """What options cannot mean by themselves or together."""
    from leyden.spec.errors import UserError

    if args.seed is not None and not 0 <= args.seed < 2**32:
        raise UserError(f"--seed must lie between 0 and 2^32 - 1, but got {args.seed}")
    if args.sample is not None and not args.plot:
        raise UserError("--sample says which sample a picture shows; give --plot too")
    if args.plot and output.same(args.plot, args.output):
        raise UserError(f"--plot and --output must name two files, but both name {args.plot}")


def _given(args: Namespace, held: Arrays) -> Arrays:
    """Parameters, masks and states: those of their own file, and the states beside the input."""
    from leyden.soen.archive import arrays_of
    from leyden.soen.simulate import PREFIXES
    from leyden.spec.errors import UserError

    given = arrays_of(args.parameters) if args.parameters else {}
    if args.parameters and not any(name.startswith(PREFIXES) for name in given):
        names = ", ".join(sorted(given)) or "nothing"
        raise UserError(f"{args.parameters} must have arrays {', '.join(PREFIXES)}..., but has {names}")
    initial = {name: array for name, array in held.items() if name.startswith("init/")}
    unused = [name for name in held if name.startswith(PREFIXES) and name not in initial | given]
    if unused:
        note = f"{len(unused)} parameters, which are not used; give --parameters {args.input}"
        print(f"{args.input} also has {note}")
    return initial | given


@contextmanager
def _files_named(args: Namespace) -> Generator[None]:
    """Problems in arrays tell the file that has them."""
    from leyden.soen.problems import CircuitError

    both = " and ".join(str(file) for file in (args.input, args.parameters) if file)
    files = {"the input": args.input, "the parameters": args.parameters, "the initial states": both}
    try:
        yield
    except CircuitError as error:
        if error.name not in files:
            raise
        raise CircuitError(error.problems, f"{error.name} of {files[error.name]}") from None


@contextmanager
def _warnings_told() -> Generator[None]:
    """A line on stderr for each warning, without Python's place and source."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in seen:
        print(f"warning: {warning.message}", file=sys.stderr)


def _recording(saved: Saved) -> Saved:
    """The circuit with flux and g recorded, which a picture shows."""
    from dataclasses import replace

    simulation = saved.circuit.simulation.model_copy(update={"track_phi": True, "track_g": True})
    return replace(saved, circuit=saved.circuit.model_copy(update={"simulation": simulation}))
