"""ONNX: a graph that ONNX Runtime, TensorRT, OpenVINO, browsers and phones run without PyTorch.

The metadata is in the file's ``metadata_props``; ONNX Runtime gives it as
``session.get_modelmeta().custom_metadata_map``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leyden.backends.torch.export.format import Exportable, ExportError, Format, Reader
from leyden.backends.torch.export.graph import first_line, quiet, traced

#: protobuf's limit is 2 GiB a message; weights beyond it lie in a second file beside the graph
LARGEST_SINGLE_FILE = 1_900_000_000


class Onnx(Format):
    """A ``.onnx`` file; models of more than 1.9 GB have their weights in ``<name>.onnx.data`` beside it."""

    suffix = ".onnx"

    def save(self, thing: Exportable, path: Path, /) -> None:
        required("onnxscript", "onnxruntime")
        program = traced(thing, "onnx")
        with quiet():
            try:
                graph: Any = torch.onnx.export(
                    program,
                    dynamo=True,
                    verbose=False,
                    input_names=list(thing.samples),
                    output_names=["output"],
                )
            except Exception as error:  # the exporter's errors have no common class; all are about the model
                raise ExportError(
                    f"onnx: an operator of the model has no ONNX form: {first_line(error)}"
                ) from error
            assert graph is not None
            graph.model.metadata_props.update(thing.metadata)
            graph.save(path, external_data=weight_bytes(thing.model) > LARGEST_SINGLE_FILE)

    def read(self, path: Path, thing: Exportable, /) -> Reader:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

        session: Any = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

        def outputs(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
            return session.run(["output"], dict(inputs))[0]

        return outputs


def weight_bytes(model: torch.nn.Module) -> int:
    """Bytes of every parameter and buffer."""
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def required(*packages: str) -> None:
    """Raise an `ExportError` with the command that installs what is missing."""
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ExportError(f'onnx: {", ".join(missing)} not installed; pip install "leyden[export]"')
