"""leyden export: Write a trained model for use elsewhere, and prove that it is the same.

The file is read back and compared with the model on real samples in several
batch sizes; it is kept only if they agree. It also carries the resolved run
file, the names of inputs and classes.

  onnx          a graph for ONNX Runtime, TensorRT, OpenVINO, browsers, phones
  torch.export  a PyTorch graph (.pt2), run without the code of the model
  torchscript   a trace for programs that still load torch.jit files
  safetensors   the weights by name, for any model; read with Leyden or by hand

Examples:
  leyden export run.yaml --format onnx
  leyden export RUN_FOLDER --format safetensors -o weights.safetensors
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import output, terminal, trained

FORMATS = ("onnx", "torch.export", "torchscript", "safetensors")


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    trained.arguments(parser)
    trained.repeat_argument(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, metavar="FORMAT", help="one of the above")
    parser.add_argument(
        "--weights", choices=("raw", "ema"), help="trained weights, or their moving average [as evaluated]"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to write [in the run folder]"
    )


def run(args: Namespace) -> int:
    """Export, compare, and say where it is."""
    if args.output is not None:
        output.ready(args.output, "--output")
    subject = trained.trained(args)
    from leyden.backends.torch.export.exportable import exportable_run
    from leyden.backends.torch.export.writing import FORMATS, write

    thing = exportable_run(subject.parts(), subject.checkpoint, args.weights)
    path = args.output or subject.folder.path / "export" / f"{subject.run.name}{FORMATS[args.format].suffix}"
    parity = write(thing, args.format, path)
    inputs = ", ".join(f"{name} {[*tensor.shape[1:]]}" for name, tensor in thing.samples.items())
    sizes = ", ".join(map(str, parity.batch_sizes))
    terminal.facts(
        {
            "file": f"{path}, {path.stat().st_size:,} bytes",
            "from": str(subject.checkpoint),
            "takes": f"{inputs} a sample, batches of any size",
            "parity": f"differs from the model by at most {parity.difference:.2g} where outputs reach "
            f"{parity.scale:.3g}; tried with real samples in batches of {sizes}",
        }
    )
    return 0
