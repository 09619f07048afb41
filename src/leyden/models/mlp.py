"""Multilayer perceptron."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ._fit import Activation, outputs_of
from .model import Interface, model

if TYPE_CHECKING:
    from torch import nn


@model("mlp", runs_on=("torch",))
def mlp(
    interface: Interface,
    /,
    *,
    hidden: list[Annotated[int, Field(ge=1)]] = [128, 128],  # noqa: B006  # never written to
    activation: Activation = "relu",
    norm: Literal["none", "batch", "layer"] = "none",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """Fully connected layers; inputs of any shape are flattened.

    Args:
        interface: what data and task ask for.
        hidden: width of each hidden layer; an empty list is a linear model.
        activation: function after each hidden layer.
        norm: what precedes each activation; batch makes a step depend on its cut into micro-batches.
        dropout: share of hidden values that is zeroed while training.

    Raises:
        UserError: the task tells no number of outputs.

    Example:
        {type: mlp, hidden: [64, 32], dropout: 0.1}
    """
    from .nets.perceptron import Perceptron

    return Perceptron(
        prod(interface.input_shape),
        outputs_of("mlp", interface),
        hidden=hidden,
        activation=activation,
        norm=norm,
        dropout=dropout,
    )
