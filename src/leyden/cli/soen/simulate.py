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
    with circuit_file.warnings_told():
        return _run(args)


def _run(args: Namespace) -> int:
    import numpy as np

    from leyden.soen import plot
    from leyden.soen.archive import arrays_of, input_of, write_arrays
    from leyden.soen.files import TABLE_BESIDE, load
    from leyden.soen.rate_table import RateTable
    from leyden.soen.simulate import simulate

    saved = load(args.circuit, compat=args.compat)
    _refuse(args, saved)
    held = arrays_of(args.input)
    x, given = input_of(held, args.input), _given(args, held)
    table = RateTable.read(args.rate_table) if args.rate_table else None
    if args.plot:
        saved = _recording(saved)
        plot.ready(args.plot, len(x), args.sample or 0)
    if table is None and saved.beside is not None:
        print(f"{args.circuit.with_name(TABLE_BESIDE)} is the rate table, as it lies beside the circuit")
    with _files_named(args):
        found = simulate(saved, x, given, dtype=args.dtype, seed=args.seed, table=table)
        for name, array in found.items():
            if not np.isfinite(array).all():
                warnings.warn(f"{name} holds numbers that are not finite", stacklevel=1)
    write_arrays(args.output, found)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items() if name.startswith("layer_"))
    print(f"{args.output}: {shapes}")
    if args.plot:
        dt, sample = saved.circuit.simulation.dt, args.sample or 0
        plot.plot(found, args.plot, dt=dt, sample=sample, title=args.circuit.name)
        print(args.plot)
    return 0


def _refuse(args: Namespace, saved: Saved) -> None:
    """What options cannot mean, and files that cannot be written."""
    from leyden.spec.errors import UserError

    if args.seed is not None and not 0 <= args.seed < 2**32:
        raise UserError(f"--seed must lie between 0 and 2^32 - 1, but got {args.seed}")
    if args.sample is not None and not args.plot:
        raise UserError("--sample says which sample a picture shows; give --plot too")
    if args.rate_table and not saved.circuit.uses_table:
        raise UserError(f"--rate-table: no source function of {args.circuit} looks one up; leave it out")
    if args.plot and output.same(args.plot, args.output):
        raise UserError(f"--plot and --output must name two files, but both name {args.plot}")
    read = (*circuit_file.files(args.circuit, saved), args.input, args.parameters, args.rate_table)
    output.ready(args.output, "--output", read)
    if args.plot:
        output.ready(args.plot, "--plot", read)


def _given(args: Namespace, held: Arrays) -> Arrays:
    """Parameters, masks and states: those of their own file, and the states beside the input."""
    import numpy as np

    from leyden.soen.archive import arrays_of
    from leyden.soen.problems import CircuitError
    from leyden.soen.simulate import PREFIXES, misspelt
    from leyden.spec.errors import UserError

    given = arrays_of(args.parameters) if args.parameters else {}
    problems = [f"{args.input}: {text}" for text in misspelt(held)]
    problems += [f"{args.parameters}: {text}" for text in misspelt(given)]
    initial = {name: array for name, array in held.items() if name.startswith("init/")}
    problems += [
        f"`{name}` of {args.input} differs from that of {args.parameters}; leave one out"
        for name, array in initial.items()
        if name in given and not np.array_equal(array, given[name])
    ]
    if problems:
        raise CircuitError(problems, "the arrays")
    put = {name: array for name, array in given.items() if name.startswith(PREFIXES)}
    if args.parameters and not put:
        names = ", ".join(sorted(given)) or "nothing"
        raise UserError(f"{args.parameters} must have arrays {', '.join(PREFIXES)}..., but has {names}")
    _tell_unused(args, held, given)
    return initial | put


def _tell_unused(args: Namespace, held: Arrays, given: Arrays) -> None:
    """A warning for each file that has arrays which nothing takes."""
    from leyden.soen.simulate import PREFIXES

    wanted: dict[Path, tuple[str, ...]] = {args.input: ("input/", "init/")}
    if args.parameters:  # may be the same file
        wanted[args.parameters] = (*wanted.get(args.parameters, ()), *PREFIXES)
    for file, prefixes in wanted.items():
        arrays = given if file == args.parameters else held
        names = sorted(name for name in arrays if not f"{name}/".startswith(prefixes))
        if names:
            more = f" and {len(names) - 3} more arrays" if len(names) > 3 else ""
            hint = f"; give --parameters {file}" if any(name.startswith(PREFIXES) for name in names) else ""
            warnings.warn(f"{file}: nothing uses {', '.join(names[:3])}{more}{hint}", stacklevel=1)


@contextmanager
def _files_named(args: Namespace) -> Generator[None]:
    """Problems in arrays tell the file that has them."""
    from leyden.soen.problems import CircuitError

    both = " and ".join(str(file) for file in (args.input, args.parameters) if file)
    files = {"the input": args.input, "the parameters": args.parameters}
    files |= {"the initial states": both, "the arrays": both}
    try:
        yield
    except CircuitError as error:
        if error.name not in files:
            raise
        raise CircuitError(error.problems, f"{error.name} of {files[error.name]}") from None


def _recording(saved: Saved) -> Saved:
    """The circuit with flux and g recorded, which a picture shows."""
    from dataclasses import replace

    simulation = saved.circuit.simulation.model_copy(update={"track_phi": True, "track_g": True})
    return replace(saved, circuit=saved.circuit.model_copy(update={"simulation": simulation}))
