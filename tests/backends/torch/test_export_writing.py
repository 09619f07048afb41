"""From model and data to a file that is only put in place once it agrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from leyden.backends.torch.export.exportable import exportable
from leyden.backends.torch.export.format import Exportable, ExportError
from leyden.backends.torch.export.writing import FORMATS, write
from leyden.data.dataset import Dataset
from leyden.data.sources.toy import ToyDataset
from leyden.tasks.classification import Classification


def linear() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(8, 3)


def thing(model: nn.Module | None = None) -> Exportable:
    data = Dataset(ToyDataset(samples=5))
    trained = linear() if model is None else model
    return exportable(
        trained, meet=Classification().forward, data=data, fresh=lambda: nn.Linear(8, 3), run={"name": "t"}
    )


def test_only_inputs_that_the_model_reads_are_asked_for() -> None:
    assert list(thing().samples) == ["input"]


def test_a_small_dataset_is_repeated() -> None:
    assert thing().samples["input"].shape == (8, 8)


def test_metadata_says_what_goes_in_and_what_comes_out() -> None:
    said = {name: json.loads(text) for name, text in thing().metadata.items() if name != "format"}
    assert said == {
        "run": {"name": "t"},
        "inputs": {"input": {"shape": ["batch", 8], "dtype": "float32"}},
        "classes": ["class 0", "class 1", "class 2"],
    }


def test_half_precision_weights_are_exported_as_float32(tmp_path: Path) -> None:
    half = thing(linear().to(torch.bfloat16))
    assert half.samples["input"].dtype == torch.float32
    assert write(half, "safetensors", tmp_path / "m.safetensors").difference == 0


def test_double_precision_stays(tmp_path: Path) -> None:
    double = thing(linear().double())
    assert write(double, "onnx", tmp_path / "m.onnx").difference < 1e-12


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written_and_nothing_else_is_left(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"model{FORMATS[name].suffix}"
    assert write(thing(), name, path).difference < 1e-6
    assert [file.name for file in path.parent.iterdir()] == [path.name]


class Moody(nn.Module):
    """Never the same twice, so no file can agree with it."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.rand_like(inputs)[:, :3]


def test_a_file_that_disagrees_does_not_replace_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "model.ts"
    path.write_text("old")
    with pytest.raises(ExportError, match="differs from the model"):
        write(thing(Moody()), "torchscript", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
