"""TorchScript trace: for programs that still load ``torch.jit`` files, in C++ above all.

A trace records the operators of one pass. What a model decides in Python from values or sizes is frozen as it
was then, which is why parity on another batch size is checked before the file is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leyden.backends.torch.export.format import Exportable, ExportError, Format, Reader
from leyden.backends.torch.export.graph import first_line, quiet


class TorchScript(Format):
    """A ``.ts`` file for ``torch.jit.load``."""

    suffix = ".ts"

    def save(self, thing: Exportable, path: Path, /) -> None:
        jit: Any = torch.jit
        with quiet(), torch.inference_mode(False), torch.no_grad():
            try:
                trace = jit.trace(thing.model, tuple(thing.samples.values()), check_trace=False)
            except (
                Exception
            ) as error:  # torch.jit raises RuntimeError, TypeError and its own, all about the model
                raise ExportError(f"torchscript: the model cannot be traced: {first_line(error)}") from error
            jit.save(trace, str(path), _extra_files={"leyden.json": json.dumps(thing.metadata)})

    def read(self, path: Path, thing: Exportable, /) -> Reader:
        with quiet():
            model: Any = torch.jit.load(str(path))  # pyright: ignore[reportUnknownMemberType]

        def outputs(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
            with torch.no_grad():
                return model(*(torch.from_numpy(array) for array in inputs.values())).numpy()

        return outputs
