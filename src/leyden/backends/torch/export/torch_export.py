"""torch.export: a graph of PyTorch operators with its weights, run without the Python that defined the model.

Read it with ``torch.export.load(path).module()``; metadata comes with ``extra_files={"leyden.json": ""}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from leyden.backends.torch.export.format import Exportable, Format, Reader
from leyden.backends.torch.export.graph import quiet, traced


class TorchExport(Format):
    """A ``.pt2`` archive."""

    suffix = ".pt2"

    def save(self, thing: Exportable, path: Path, /) -> None:
        program = traced(thing, "torch.export")
        with quiet():
            torch.export.save(program, path, extra_files={"leyden.json": json.dumps(thing.metadata)})

    def read(self, path: Path, thing: Exportable, /) -> Reader:
        with quiet():
            model = torch.export.load(path).module()

        def outputs(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
            with torch.inference_mode():
                return model(*(torch.from_numpy(array) for array in inputs.values())).numpy()

        return outputs
