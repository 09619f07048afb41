"""Classification: which class, or which labels, a sample has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from leyden.data.info import DataInfo

from .task import Task, task

if TYPE_CHECKING:
    from torch import Tensor


@task("classification", runs_on=("torch",))
class Classification(Task):
    """One class a sample, or any number of independent labels; outputs are logits (batch, classes, ...).

    Args:
        num_classes: how many classes (or labels) there are; null counts them in the data.
        multi_label: true where targets hold one 0 or 1 a label (scored by bce), instead of one class number.

    Example:
        {type: classification, num_classes: 10}
    """

    def __init__(
        self, *, num_classes: Annotated[int, Field(ge=1)] | None = None, multi_label: bool = False
    ) -> None:
        self.num_classes = num_classes
        self.multi_label = multi_label

    @property
    def targets_are(self) -> str:
        return "labels" if self.multi_label else "classes"

    def num_outputs(self, info: DataInfo, /) -> int | None:
        if self.num_classes is not None:
            return self.num_classes
        if not self.multi_label:
            return max(len(info.classes), len(info.class_counts)) or None
        target = info.fields.get("target")
        if target is None:
            return None
        return target.shape[0] if target.shape else 1

    def check(self, info: DataInfo, /) -> list[str]:
        if "target" not in info.fields:
            return [
                "classification needs a `target` in every sample, but the data has "
                f"{', '.join(info.fields)}; name the column or file that holds the classes"
            ]
        return self._check_labels(info) if self.multi_label else self._check_classes(info)

    def targets(self, batch: Mapping[str, Tensor], /) -> Tensor:
        target = batch["target"]
        if not self.multi_label:
            return target if target.is_floating_point() else target.long()
        return target.unsqueeze(1) if target.ndim == 1 else target

    def predict(self, outputs: Tensor, classes: Sequence[str] = (), /) -> dict[str, Any]:
        logits = outputs.detach().float()
        if self.multi_label:
            probabilities = logits.sigmoid().cpu().numpy()
            return {"labels": probabilities > 0.5, "probabilities": probabilities}
        probabilities = logits.softmax(1).cpu().numpy()
        best = probabilities.argmax(1)
        names = {"name": np.asarray(classes)[best]} if classes else {}
        return {"class": best, **names, "probabilities": probabilities}

    def _check_classes(self, info: DataInfo) -> list[str]:
        target, problems = info.fields["target"], list[str]()
        if not target.dtype.startswith(("int", "uint")):
            problems.append(
                f"classes are integers 0, 1, 2, ..., but targets are {target.dtype}; number the classes, or "
                "use task: regression for real numbers"
            )
        if target.shape == (1,):
            problems.append(
                "a class is one number a sample, but targets have shape (1,); store them with shape "
                "(samples,)"
            )
        seen = max(len(info.classes), len(info.class_counts))
        if self.num_classes is None and not seen:
            problems.append(
                "the number of classes is counted in the data, but this data does not tell it; "
                "set task.num_classes"
            )
        if self.num_classes is not None and seen > self.num_classes:
            problems.append(
                f"labels must lie in 0..{self.num_classes - 1} for num_classes {self.num_classes}, but the "
                f"data has label {seen - 1}; set num_classes: {seen}, or leave it out to count them"
            )
        if (self.num_classes or seen or 2) < 2:
            problems.append(
                "there must be at least 2 classes, but there is 1; is the right column the target?"
            )
        return problems

    def _check_labels(self, info: DataInfo) -> list[str]:
        shape = info.fields["target"].shape
        if self.num_classes is not None and (shape or (1,))[0] != self.num_classes:
            return [
                f"multi_label targets hold one 0 or 1 for each of num_classes {self.num_classes} labels, but "
                f"have shape {shape}; set num_classes: {(shape or (1,))[0]}, or multi_label: false for class "
                "numbers"
            ]
        if not shape and len(info.class_counts) > 2:
            return [
                "multi_label targets hold 0 or 1, but the data has labels up to "
                f"{len(info.class_counts) - 1}; remove multi_label for class numbers"
            ]
        return []
