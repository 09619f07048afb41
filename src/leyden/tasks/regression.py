"""Regression: real numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from leyden.data.info import DataInfo

from .task import Task, task

if TYPE_CHECKING:
    from torch import Tensor


@task("regression", runs_on=("torch",))
class Regression(Task):
    """One or several real numbers a sample; outputs are (batch, targets), in the targets' unit.

    Targets without a second dimension get one, so that they never broadcast against outputs (batch, 1).

    Args:
        num_targets: how many numbers a sample has; null takes it from the data.

    Example:
        {type: regression}
    """

    def __init__(self, *, num_targets: Annotated[int, Field(ge=1)] | None = None) -> None:
        self.num_targets = num_targets

    @property
    def targets_are(self) -> str:
        return "numbers"

    def num_outputs(self, info: DataInfo, /) -> int | None:
        """None where a target is an array of two or more dimensions, e.g. an image: the model decides."""
        target = info.fields.get("target")
        if self.num_targets is not None or target is None or len(target.shape) > 1:
            return self.num_targets
        return target.shape[0] if target.shape else 1

    def check(self, info: DataInfo, /) -> list[str]:
        target = info.fields.get("target")
        if target is None:
            return [
                f"regression needs a `target` in every sample, but the data has {', '.join(info.fields)}; "
                "name the column or file that holds the numbers"
            ]
        problems: list[str] = []
        if not target.dtype.startswith(("float", "int", "uint")):
            problems.append(
                f"targets of a regression are numbers, but these are {target.dtype}; convert them to "
                "float32, or use task: classification"
            )
        numbers = target.shape[0] if target.shape else 1
        if self.num_targets is not None and (len(target.shape) > 1 or numbers != self.num_targets):
            problems.append(
                f"num_targets {self.num_targets} asks for targets of shape ({self.num_targets},), but they "
                f"have shape {target.shape}; leave num_targets out to take it from the data"
            )
        return problems

    def targets(self, batch: Mapping[str, Tensor], /) -> Tensor:
        target = batch["target"]
        return target.unsqueeze(1) if target.ndim == 1 else target

    def predict(self, outputs: Tensor, classes: Sequence[str] = (), /) -> dict[str, Any]:
        prediction = outputs.detach().float().cpu().numpy()
        return {"prediction": prediction[:, 0] if prediction.shape[1:] == (1,) else prediction}
