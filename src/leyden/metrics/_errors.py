"""Sums of errors between outputs and targets of one shape: the ground of every regression metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leyden.spec.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def errors(name: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """outputs - targets in float64. Raise UserError where shapes differ, instead of broadcasting."""
    if outputs.shape != targets.shape:
        raise UserError(
            f"{name} compares outputs and targets of one shape, but got outputs {tuple(outputs.shape)} and "
            f"targets {tuple(targets.shape)}; make the two agree, e.g. both (batch, 1)"
        )
    return outputs.double() - targets.double()


def sum_and_number(values: Tensor) -> Tensor:
    """(sum, how many), float64."""
    import torch

    return torch.stack([values.sum(), torch.full_like(values.sum(), values.numel())])


def mean(sums: np.ndarray) -> float:
    """sum / number; NaN where nothing was seen."""
    total, number = sums
    return float(total / number) if number else float("nan")
