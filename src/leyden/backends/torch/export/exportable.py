"""From a trained model and its data to what export formats are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from leyden.backends.parts import Parts
from leyden.backends.torch.export.format import Exportable, ExportError, Meet, Served
from leyden.backends.torch.inference import load, load_weights
from leyden.data.dataset import Dataset

#: real samples that a model is traced with and compared on
SAMPLES = 8


def exportable_run(
    parts: Parts, checkpoint: Path, weights: Literal["raw", "ema"] | None = None
) -> Exportable:
    """A checkpoint of a run with samples of its data: of the test data if there are any.

    Args:
        parts: The run.
        checkpoint: File of the checkpoint.
        weights: ``raw`` ones or their moving average; None for what evaluations use.

    Raises:
        ExportError: The run keeps no moving average.
    """
    content = load(checkpoint)
    if weights == "ema" and not content["leyden"]["driver"].get("average"):
        raise ExportError(
            "the run keeps no moving average of its weights; leave out `--weights ema`, or set `ema`"
        )
    if weights == "raw":
        content = {"state_dict": content["state_dict"]}
    model: nn.Module = parts.make_model()
    load_weights(model, content)
    data = parts.test or parts.val or parts.train
    meet = alone if parts.run.task is None else parts.task.forward
    return exportable(model, meet=meet, data=data, fresh=parts.make_model, run=parts.run.tree())


def alone(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """How a model that comes without a task meets a batch."""
    return model(batch["input"])


def exportable(
    model: nn.Module, *, meet: Meet, data: Dataset, fresh: Callable[[], nn.Module], run: Mapping[str, Any]
) -> Exportable:
    """The model in evaluation mode on the CPU with samples of ``data``, as `evaluate` would meet them.

    Weights in half precision become float32, which every runtime has.
    """
    model = model.cpu().eval()
    if weight_type(model) in (torch.bfloat16, torch.float16):
        model = model.float()
    batch = data.batch(np.arange(SAMPLES, dtype=np.int64) % len(data), seed=0, epoch=0)
    tensors = {name: _as_input(torch.from_numpy(array), weight_type(model)) for name, array in batch.items()}
    samples = used(model, meet, tensors)
    return Exportable(
        model=Served(model, tuple(samples), meet).eval(),
        fresh=lambda: fresh().to(weight_type(model)),
        samples=samples,
        metadata=metadata(run, samples, data),
    )


def weight_type(model: nn.Module) -> torch.dtype:
    """The number format of the model's weights; float32 where it has none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


def used(model: nn.Module, meet: Meet, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those entries of a batch that the forward pass reads."""
    watched = _Watched(batch)
    with torch.no_grad():
        meet(model, watched)
    return {name: tensor for name, tensor in batch.items() if name in watched.read}


def metadata(run: Mapping[str, Any], samples: Mapping[str, Tensor], data: Dataset) -> dict[str, str]:
    """What a reader of the file has to know, as text by name; values are JSON."""
    inputs = {
        name: {"shape": ["batch", *t.shape[1:]], "dtype": str(t.dtype)[6:]} for name, t in samples.items()
    }
    return {
        "format": "leyden 1",
        "run": json.dumps(run),
        "inputs": json.dumps(inputs),
        "classes": json.dumps(data.info().classes),
    }


def _as_input(tensor: Tensor, weights: torch.dtype) -> Tensor:
    return tensor.to(weights) if tensor.is_floating_point() else tensor


class _Watched(Mapping[str, Tensor]):
    """A batch that remembers which entries were read."""

    def __init__(self, batch: Mapping[str, Tensor]) -> None:
        self.batch = batch
        self.read = set[str]()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return self.batch[name]

    def __contains__(self, name: object) -> bool:
        return name in self.batch  # asking is not reading

    def __iter__(self) -> Iterator[str]:
        return iter(self.batch)

    def __len__(self) -> int:
        return len(self.batch)
