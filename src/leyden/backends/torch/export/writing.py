"""The way of an export: write beside the goal, read back, compare, and only then put it in place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from leyden.backends.torch.export.format import Exportable, Format
from leyden.backends.torch.export.onnx import Onnx
from leyden.backends.torch.export.parity import Parity, compare
from leyden.backends.torch.export.safetensors import Safetensors
from leyden.backends.torch.export.torch_export import TorchExport
from leyden.backends.torch.export.torchscript import TorchScript

FORMATS: dict[str, Format] = {
    "onnx": Onnx(),
    "torch.export": TorchExport(),
    "torchscript": TorchScript(),
    "safetensors": Safetensors(),
}


def write(thing: Exportable, format_name: str, path: Path) -> Parity:
    """Write the model to ``path``; what was there stays unless the new file computes what the model does.

    Raises:
        ExportError: The format cannot express the model, or the file does not agree with it.
    """
    form = FORMATS[format_name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        draft = Path(folder) / path.name
        form.save(thing, draft)
        parity = compare(thing, form.read(draft, thing))
        for file in Path(folder).iterdir():  # more than one where weights lie beside a graph
            file.replace(path.parent / file.name)
    return parity
