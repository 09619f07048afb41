"""Weights by class: given in the run file, or balanced from how often each class occurs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from leyden.spec.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class ClassWeights:
    """One weight a class, kept on each device that asks for it, so that no step copies it there again."""

    def __init__(
        self,
        class_weight: Sequence[float] | Literal["balanced"] | None,
        class_counts: Sequence[int],
        *,
        setting: str = "class_weight",
    ) -> None:
        self.values = balanced(class_counts) if class_weight == "balanced" else tuple(class_weight or ())
        self.setting = setting
        self._placed: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def on(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The weights as a tensor (classes,)."""
        import torch

        key = (device, dtype)
        if key not in self._placed:
            self._placed[key] = torch.tensor(self.values, device=device, dtype=dtype)
        return self._placed[key]

    def beside(self, outputs: Tensor) -> Tensor | None:
        """The weights for logits (batch, classes, ...); None where every class counts alike."""
        if not self.values:
            return None
        if len(self.values) != outputs.shape[1]:
            raise UserError(
                f"{self.setting} takes one number a class, but has {len(self.values)} for outputs "
                f"{tuple(outputs.shape)}, i.e. {outputs.shape[1]} classes; write {outputs.shape[1]} numbers"
            )
        return self.on(outputs.device, outputs.dtype)

    def count(self, targets: Tensor, ignore_index: int) -> Tensor:
        """Weights of all labels but ``ignore_index`` together; without weights, their number."""
        from ._precision import counting_type

        if not self.values:
            return (targets != ignore_index).count_nonzero()
        ignored = targets == ignore_index
        weights = self.on(targets.device, counting_type(targets.device))
        return weights[targets.masked_fill(ignored, 0)].masked_fill(ignored, 0.0).sum()


def balanced(class_counts: Sequence[int]) -> tuple[float, ...]:
    """N / (C n_c) for the C classes that occur, as in scikit-learn; 0 for a class that never does."""
    if not any(class_counts):
        raise UserError(
            "class_weight: balanced needs the number of samples of every class, but the training data tells "
            "none; write the weights as a list, one number a class"
        )
    empty = [str(label) for label, n in enumerate(class_counts) if n == 0]
    if empty:
        warnings.warn(
            f"class_weight: balanced gives weight 0 to {', '.join(empty)}: no such label in the data",
            stacklevel=2,
        )
    occurring = len(class_counts) - len(empty)
    return tuple(sum(class_counts) / (occurring * n) if n else 0.0 for n in class_counts)
