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

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from leyden.cli.soen import circuit_file

if TYPE_CHECKING:
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
    option("--sample", type=int, default=0, metavar="N", help="which sample the picture shows (0)")


def run(args: Namespace) -> int:
    """Simulate, and say what was written."""
    import numpy as np

    from leyden.soen.archive import arrays_of, input_of
    from leyden.soen.files import load
    from leyden.soen.rate_table import RateTable
    from leyden.soen.simulate import simulate

    saved = load(args.circuit, compat=circuit_file.compat(args))
    given = arrays_of(args.parameters) if args.parameters else {}
    held = arrays_of(args.input)
    prefixes = ("param/", "mask/", "wicc_j_out/")
    if unused := [name for name in held if name.startswith(prefixes) and name not in given]:
        note = f"{len(unused)} parameters, which are not used; give --parameters {args.input}"
        print(f"{args.input} also has {note}")
    initial = {name: array for name, array in held.items() if name.startswith("init/")}
    table = RateTable.read(args.rate_table) if args.rate_table else None
    if args.plot:
        saved = _recording(saved)
    found = simulate(
        saved, input_of(held, args.input), initial | given, dtype=args.dtype, seed=args.seed, table=table
    )
    with args.output.open("wb") as stream:  # numpy would change the name of a file without its ending
        np.savez_compressed(stream, **cast("dict[str, Any]", found))
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items() if name.startswith("layer_"))
    print(f"{args.output}: {shapes}")
    if args.plot:
        from leyden.soen.plot import plot

        plot(found, args.plot, dt=saved.circuit.simulation.dt, sample=args.sample, title=args.circuit.name)
        print(args.plot)
    return 0


def _recording(saved: Saved) -> Saved:
    """The circuit with flux and g recorded, which a picture shows."""
    from dataclasses import replace

    simulation = saved.circuit.simulation.model_copy(update={"track_phi": True, "track_g": True})
    return replace(saved, circuit=saved.circuit.model_copy(update={"simulation": simulation}))
