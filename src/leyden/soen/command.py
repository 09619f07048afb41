"""leyden soen: simulate a superconducting circuit, or say what is in one.

Examples:
  leyden soen show circuit.yaml
  leyden soen simulate circuit.yaml --input x.npz --output states.npz --plot states.png
  leyden soen simulate model.soen --input x.npz --parameters p.npz --dtype float64 --output states.npz
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .saved import Saved


def arguments(parser: ArgumentParser) -> None:
    """Sub-commands, words and options of the command."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="simulate|show")
    simulate = commands.add_parser("simulate", help="histories of every layer from an input over time")
    _circuit(simulate)
    simulate.add_argument(
        "--input", type=Path, required=True, metavar="X.npz", help="array `input`, (batch, time, features)"
    )
    simulate.add_argument(
        "--output", type=Path, required=True, metavar="OUT.npz", help="where `layer_<id>` arrays go"
    )
    simulate.add_argument(
        "--parameters",
        type=Path,
        metavar="P.npz",
        help="arrays param/NAME, mask/J_a_to_b, init/layer_N, wicc_j_out/J_a_to_b",
    )
    simulate.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="precision (float32)"
    )
    simulate.add_argument(
        "--seed", type=int, metavar="N", help="first values and noise; the circuit's own seed otherwise"
    )
    simulate.add_argument("--rate-table", type=Path, metavar="FILE", help="table of the RateArray source")
    simulate.add_argument("--plot", type=Path, metavar="OUT.png", help="a picture of states, flux and g")
    simulate.add_argument(
        "--sample", type=int, default=0, metavar="N", help="which sample the picture shows (0)"
    )
    simulate.set_defaults(run=_simulate)
    show = commands.add_parser("show", help="layers, connections, parameters and physical units")
    _circuit(show)
    show.set_defaults(run=_show)


def _circuit(parser: ArgumentParser) -> None:
    parser.add_argument("circuit", type=Path, metavar="CIRCUIT", help="a .yaml, .json, .soen or .pth file")
    parser.add_argument(
        "--compat",
        nargs="+",
        metavar="ITEM",
        help="quirks of the original to bring back: soen for all, or items",
    )


def run(args: Namespace) -> int:
    """Run the chosen sub-command; a ValueError says what a person has to change."""
    return args.run(args)


def main(words: Sequence[str]) -> int:
    """Read ``words`` and run them."""
    summary, _, examples = (__doc__ or "").partition("\n\n")
    parser = ArgumentParser(
        "leyden soen", description=summary, epilog=examples, formatter_class=RawDescriptionHelpFormatter
    )
    arguments(parser)
    return run(parser.parse_args(words))


def _simulate(args: Namespace) -> int:
    import numpy as np

    from .archive import arrays_of, input_of
    from .files import load
    from .rate_table import RateTable
    from .simulate import simulate

    saved = load(args.circuit, compat=_compat(args))
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
        np.savez_compressed(stream, **cast(dict[str, Any], found))
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items() if name.startswith("layer_"))
    print(f"{args.output}: {shapes}")
    if args.plot:
        from .plot import plot

        plot(found, args.plot, dt=saved.circuit.simulation.dt, sample=args.sample, title=args.circuit.name)
        print(args.plot)
    return 0


def _recording(saved: Saved) -> Saved:
    """The circuit with flux and g recorded, which a picture shows."""
    from dataclasses import replace

    simulation = saved.circuit.simulation.model_copy(update={"track_phi": True, "track_g": True})
    return replace(saved, circuit=saved.circuit.model_copy(update={"simulation": simulation}))


def _show(args: Namespace) -> int:
    from .files import load
    from .summary import summary

    print(summary(load(args.circuit, compat=_compat(args))))
    return 0


def _compat(args: Namespace) -> object:
    return "soen" if args.compat == ["soen"] else args.compat
