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

from leyden.cli import run_folder

FORMATS = ("onnx", "torch.export", "torchscript", "safetensors")


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_folder.arguments(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, help="see above")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to write [model.* in the run folder]"
    )


def run(args: Namespace) -> int:
    """Export, compare, and say where it is."""
    raise NotImplementedError
