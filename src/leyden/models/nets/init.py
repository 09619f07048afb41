"""How weights start: drawn from torch's generator, so that one seed gives every rank the same."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def initialise(net: nn.Module, *, linear: Literal["kaiming", "truncated"]) -> None:
    """Every layer of ``net`` by its type: biases 0, norms the identity.

    Convolutions get Kaiming normal weights (fan out). Linear layers get Kaiming uniform ones, or a normal of
    standard deviation 0.02 cut off at two of them, as transformers do; embeddings the same, not cut off,
    their padding row 0.
    """
    for layer in net.modules():
        if isinstance(layer, NORMS):
            nn.init.ones_(layer.weight)
        elif isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            if linear == "kaiming":
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            else:
                truncated(layer.weight)
        elif isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.padding_idx is not None:
                with torch.no_grad():
                    layer.weight[layer.padding_idx].zero_()
        bias = getattr(layer, "bias", None)
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)


def truncated(weight: Tensor, std: float = 0.02) -> None:
    """Normal of standard deviation ``std``, nothing beyond two of them."""
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
