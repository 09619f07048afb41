"""Every format gives back what the model computes; what does not is refused and says why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from torch import Tensor, nn

from leyden.backends.torch.export.format import Exportable, ExportError, Format, Served
from leyden.backends.torch.export.onnx import Onnx
from leyden.backends.torch.export.parity import compare
from leyden.backends.torch.export.safetensors import Safetensors
from leyden.backends.torch.export.torch_export import TorchExport
from leyden.backends.torch.export.torchscript import TorchScript

FORMATS = [Onnx(), TorchExport(), TorchScript(), Safetensors()]


class Cnn(nn.Module):
    """Convolution, batch norm with moved statistics, dropout: what goes wrong when training mode leaks."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
        )
        self.head = nn.Linear(4 * 36, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.body(inputs))


class TwoInputs(nn.Module):
    """A second, boolean input, as a padding mask is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        kept = torch.where(mask[..., None], self.layer(inputs), 0.0)
        return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


class BatchBound(nn.Module):
    """Decides in Python by the size of the batch."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2 if len(inputs) == 8 else inputs * 3


def exportable(model: nn.Module, **samples: Tensor) -> Exportable:
    served = Served(model, tuple(samples), lambda model, batch: model(*batch.values()))
    metadata = {"classes": '["a", "b", "c"]', "run": "name: t\n"}
    return Exportable(model=served.eval(), fresh=type(model), samples=samples, metadata=metadata)


def cnn() -> Exportable:
    torch.manual_seed(0)
    model = Cnn()
    model(torch.randn(32, 1, 8, 8) * 3 + 1)
    return exportable(model, input=torch.randn(8, 1, 8, 8))


def two_inputs() -> Exportable:
    torch.manual_seed(0)
    return exportable(TwoInputs(), input=torch.randn(8, 6, 5), mask=torch.rand(8, 6) > 0.3)


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("thing", [cnn, two_inputs], ids=["cnn", "two_inputs"])
def test_file_computes_what_the_model_does_for_every_batch_size(
    format: Format, thing, tmp_path: Path
) -> None:
    model = thing()
    path = tmp_path / f"model{format.suffix}"
    format.save(model, path)
    parity = compare(model, format.read(path, model), batch_sizes=(1, 2, 8, 31))
    assert parity.difference < 1e-6
    assert parity.batch_sizes == (1, 2, 8, 31)


def test_onnx_names_its_inputs_and_carries_the_metadata(tmp_path: Path) -> None:
    import onnxruntime

    Onnx().save(two_inputs(), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["input", "mask"]
    assert [given.shape[1:] for given in session.get_inputs()] == [[6, 5], [6]]
    assert session.get_modelmeta().custom_metadata_map["run"] == "name: t\n"


def test_torch_export_carries_the_metadata(tmp_path: Path) -> None:
    TorchExport().save(cnn(), tmp_path / "model.pt2")
    extra = {"leyden.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert json.loads(extra["leyden.json"])["run"] == "name: t\n"


def test_safetensors_holds_the_weights_by_name_with_the_metadata(tmp_path: Path) -> None:
    thing = cnn()
    Safetensors().save(thing, tmp_path / "model.safetensors")
    with safetensors.safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == thing.metadata
        for name, tensor in thing.model.model.state_dict().items():
            assert torch.equal(file.get_tensor(name), tensor)


def test_safetensors_writes_shared_weights_for_both_names(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight

        def forward(self, inputs: Tensor) -> Tensor:
            return self.second(self.first(inputs))

    thing = exportable(Tied(), input=torch.randn(8, 3))
    Safetensors().save(thing, tmp_path / "tied.safetensors")
    assert compare(thing, Safetensors().read(tmp_path / "tied.safetensors", thing)).difference == 0


@pytest.mark.parametrize("format", [Onnx(), TorchExport()], ids=["onnx", "torch_export"])
def test_a_model_without_one_graph_is_refused_with_another_format(format: Format, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"batches of any size.*\n.*safetensors"):
        format.save(exportable(BatchBound(), input=torch.ones(8, 3)), tmp_path / "model")


def test_a_trace_that_froze_a_decision_fails_on_another_batch_size(tmp_path: Path) -> None:
    thing = exportable(BatchBound(), input=torch.ones(8, 3))
    TorchScript().save(thing, tmp_path / "model.ts")
    with pytest.raises(ExportError, match="differs from the model by 1 where outputs reach 3"):
        compare(thing, TorchScript().read(tmp_path / "model.ts", thing))


def test_parity_refuses_outputs_that_are_not_finite_or_of_another_shape() -> None:
    def echo(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return inputs["input"]

    with pytest.raises(ExportError, match="not finite"):
        compare(exportable(nn.Identity(), input=torch.full((2, 3), torch.nan)), echo)
    with pytest.raises(ExportError, match=r"\(1, 3\), the exported file's \(1, 2\)"):
        compare(exportable(nn.Identity(), input=torch.ones(2, 3)), lambda inputs: inputs["input"][:, :2])


def test_parity_refuses_a_file_that_gives_nan() -> None:
    with pytest.raises(ExportError, match="differs from the model by nan"):
        compare(exportable(nn.Identity(), input=torch.ones(2, 3)), lambda inputs: inputs["input"] * np.nan)
