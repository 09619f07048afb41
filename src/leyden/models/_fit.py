"""What a model part asks of the data and the task, and the words it refuses in."""

from __future__ import annotations

from typing import Literal

from leyden.spec.errors import UserError

from .model import Interface

Activation = Literal["relu", "gelu", "silu", "tanh"]


def outputs_of(name: str, interface: Interface) -> int:
    """How many outputs the task asks for. Raise UserError where it leaves that to the model."""
    if interface.num_outputs is None:
        raise UserError(
            f"{name} needs the number of outputs, but the task gives none; set task.num_classes or "
            "task.num_targets"
        )
    return interface.num_outputs
