"""Every architecture that Leyden has can be written in every format."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from leyden.backends.torch.export.exportable import exportable
from leyden.backends.torch.export.format import Exportable
from leyden.backends.torch.export.writing import FORMATS, write
from leyden.data.dataset import Dataset
from leyden.data.info import DataInfo
from leyden.data.sources.source import Sample, Source
from leyden.models.cnn import cnn
from leyden.models.mlp import mlp
from leyden.models.model import Interface
from leyden.models.transformer import transformer
from leyden.tasks.classification import Classification

MODELS = {
    "mlp": (mlp, (12,)),
    "cnn": (partial(cnn, channels=[8, 16]), (1, 8, 8)),
    "cnn with batch norm": (partial(cnn, channels=[4, 8], norm="batch"), (3, 8, 8)),
    "transformer": (partial(transformer, d_model=16, depth=1, heads=2), (6, 5)),
    "transformer, rope, last": (
        partial(transformer, d_model=16, depth=1, heads=2, pos="rope", pool="last", norm="rms"),
        (6, 5),
    ),
}


class Given(Source):
    """Nine samples; sequences come with a mask."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.arrays = {"input": rng.normal(size=(9, *shape)).astype(np.float32), "target": np.arange(9) % 3}
        if len(shape) == 2:
            self.arrays["mask"] = np.arange(shape[0])[None] < rng.integers(2, shape[0] + 1, size=(9, 1))

    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int, /) -> Sample:
        return {name: array[index] for name, array in self.arrays.items()}

    def info(self) -> DataInfo:
        return DataInfo(num_samples=9)

    def fingerprint(self) -> str:
        return ""


@pytest.fixture(params=MODELS)
def thing(request: pytest.FixtureRequest) -> Exportable:
    make, shape = MODELS[request.param]
    interface = Interface(input_shape=shape, input_dtype="float32", num_outputs=3)
    torch.manual_seed(0)
    fresh = partial(make, interface)
    return exportable(fresh(), meet=Classification().forward, data=Dataset(Given(shape)), fresh=fresh, run={})


@pytest.mark.parametrize("name", FORMATS)
def test_file_and_model_agree(name: str, thing: Exportable, tmp_path: Path) -> None:
    assert write(thing, name, tmp_path / "model").difference < 1e-5


def test_a_mask_is_an_input_of_models_that_take_one(thing: Exportable) -> None:
    assert list(thing.samples) == (["input", "mask"] if thing.samples["input"].ndim == 3 else ["input"])
