"""Measure and predict with the weights of a checkpoint, on one device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.spec.errors import DataError

from .evaluation import Pass
from .halves import Halves
from .holders import held
from .loaders import UserLoader, cut_of, eval_batch_size, evaluation_of
from .place import Place
from .precision import Format
from .reports import Reports
from .score import Score
from .seeding import seed_initial
from .trainer import make_trainer
from .user_module import Batches
from .window import Held
from .working_size import WorkingSize

#: page of facts about a shortage, unless the caller has a place for it
REPORT = Path("oom_report.txt")


def load(path: Path) -> dict[str, Any]:
    """A checkpoint on the host; a file with anything but tensors and plain containers is refused.

    Raises:
        DataError: It is no checkpoint of a run.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever torch's readers of pickles and archives trip over in a damaged file
        raise DataError(
            f"{path} must be a checkpoint, tensors and plain containers alone, but it cannot be read as one: "
            f"{_reason(error)}; nothing in it was executed"
        ) from None
    if not isinstance(content, dict) or not {"state_dict", "leyden"} <= content.keys():
        raise DataError(
            f"{path} must be a checkpoint of a run, but it has no weights or was not written by one"
        )
    return cast("dict[str, Any]", content)


def _reason(error: Exception) -> str:
    """What a file holds that is no plain data, without torch's advice to load it all the same."""
    paragraphs = str(error).rpartition("WeightsUnpickler error: ")[2].split("\n\n")
    said = [
        text.strip() for text in paragraphs if not text.startswith(("Weights only load", "Check the doc"))
    ]
    return next((text.partition("\n")[0].rstrip(".") for text in said if text), type(error).__name__)


def load_weights(model: nn.Module, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint's weights into ``model``; where the run kept a moving average, that one.

    Raises:
        DataError: They are another model's.
    """
    weights: dict[str, Tensor] = dict(checkpoint["state_dict"])
    if not isinstance(model, LightningModule):
        weights = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
    average: Mapping[str, Tensor] = checkpoint.get("leyden", {}).get("driver", {}).get("average", {})
    try:
        model.load_state_dict({**weights, **average})
    except RuntimeError as error:
        misfits = [line.strip() for line in str(error).splitlines()[1:4]]
        raise DataError(
            f"the checkpoint must be of the run file's model, but its weights do not fit: {' '.join(misfits)}"
        ) from None


def built(parts: Parts, checkpoint: Path | str) -> tuple[nn.Module, int]:
    """The run's model with the weights of ``checkpoint``, on the host, in evaluation mode; steps it took."""
    seed_initial(parts.seed)
    model: nn.Module = parts.make_model()
    content = load(Path(checkpoint))
    load_weights(model, content)
    return model.eval(), content["leyden"]["session"]["position"]["step"]


def evaluate(
    parts: Parts, checkpoint: Path | str, split: Literal["val", "test"], report: Path = REPORT
) -> dict[str, float]:
    """Losses and metrics of a checkpoint on a part of the data, as ``<split>/loss`` ...

    Args:
        parts: The run.
        checkpoint: The file.
        split: Which part.
        report: Where a page is written if memory runs out.

    Raises:
        ShortageError: There is not even memory for one sample.
        ValueError: The run has no such data.
    """
    dataset = parts.val if split == "val" else parts.test
    if dataset is None:
        raise ValueError(
            f"data.{split} must be given to evaluate on it, but the run has none; add data.{split}"
        )
    model, step = built(parts, checkpoint)
    if isinstance(model, LightningModule):
        return _evaluate_user_module(model, parts, dataset, split)
    settings = parts.run.trainer
    limit = settings.limit_val_batches if split == "val" else settings.limit_test_batches
    cut = cut_of(parts, dataset, limit)
    place, format = _place_and_format(parts)
    model.to(place.device)
    memory = _memory(model, parts, place, report)
    run = Pass(
        model,
        task=parts.task,
        score=Score(parts.objective, parts.metrics),
        place=place,
        format=format,
        cut=cut,
        memory=memory,
        at=f"the evaluation on {split} data",
    )
    for number, item in zip(cut.mine, evaluation_of(parts, dataset, cut.mine), strict=True):
        run.add(Held(number, item.batch))
    return run.values(split, max(step - 1, 0))


def predict(
    parts: Parts, checkpoint: Path | str, dataset: Dataset, report: Path = REPORT
) -> Iterator[dict[str, np.ndarray]]:
    """What the task predicts for a dataset, in its order and some samples at a time.

    Args:
        parts: The run.
        checkpoint: The file.
        dataset: What to predict of.
        report: Where a page is written if memory runs out.

    Yields:
        name -> array (samples, ...).

    Raises:
        ShortageError: There is not even memory for one sample.
    """
    model, _ = built(parts, checkpoint)
    place, format = _place_and_format(parts)
    model.to(place.device)

    def predicted(piece: dict[str, Tensor], outputs: Tensor) -> dict[str, np.ndarray]:
        found = parts.task.predict(outputs, parts.info.classes)
        return {name: _host(value) for name, value in found.items()}

    forward = Halves(
        model,
        task=parts.task,
        place=place,
        format=format,
        memory=_memory(model, parts, place, report),
        at="a prediction",
        use=predicted,
    )
    for item in evaluation_of(parts, dataset, cut_of(parts, dataset, None).mine):
        yield from forward(item.batch)


def _memory(model: nn.Module, parts: Parts, place: Place, report: Path) -> WorkingSize:
    """How many samples go through the model at once, and who tells of shortages."""
    reports = Reports(
        model, run=parts.run, place=place, file=report, holders=lambda: held(model, [], []), evaluates=True
    )
    return WorkingSize(eval_batch_size(parts), reports)


def _evaluate_user_module(
    module: LightningModule, parts: Parts, dataset: Dataset, split: Literal["val", "test"]
) -> dict[str, float]:
    trainer = make_trainer(parts.run, Path.cwd(), [], [], own_module=True)
    settings = parts.run.trainer
    limit = settings.limit_val_batches if split == "val" else settings.limit_test_batches
    loader = UserLoader(parts, dataset, lambda: cut_of(parts, dataset, limit), Batches(module).entries)
    evaluation = trainer.validate if split == "val" else trainer.test
    (values,) = evaluation(module, loader, verbose=False)
    return {name: float(value) for name, value in values.items()}


def _place_and_format(parts: Parts) -> tuple[Place, Format]:
    trainer = make_trainer(parts.run, Path.cwd(), [], [], own_module=True)
    return Place(trainer.strategy.root_device), Format(trainer.precision_plugin)


def _host(value: Any) -> np.ndarray:
    return value.cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
