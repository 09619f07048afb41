"""Number formats of a step: what the forward pass runs in, and the scaling that float16 needs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from torch import Tensor
from torch.optim import Optimizer

_AS_IS = nullcontext()


class Format:
    """What a Lightning precision plugin means for the step.

    The forward pass alone runs under autocast; losses and metrics see float32, the optimizer never sees
    autocast.

    Args:
        plugin: Of the trainer; ``32-true`` costs nothing here.
    """

    def __init__(self, plugin: Precision) -> None:
        self.plugin = plugin
        self.plain = type(plugin) is Precision
        self.mixed = isinstance(plugin, MixedPrecision)
        self.scaler: Any = getattr(plugin, "scaler", None)

    def forward(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        return _AS_IS if self.plain else self.plugin.forward_context()

    def outside(self, device: torch.device) -> AbstractContextManager[Any]:
        """The context of everything else, for callers that Lightning has put under autocast."""
        return torch.autocast(device.type, enabled=False) if self.mixed else _AS_IS

    def inputs(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``batch`` in the type of the weights; for the model only, because targets stay exact."""
        if self.plain or self.mixed:
            return batch
        return {name: self.plugin.convert_input(tensor) for name, tensor in batch.items()}

    def backward(self, totals: Sequence[Tensor], factors: Sequence[Tensor]) -> None:
        """Backward from the sum of ``totals`` times ``factors``, scaled for float16.

        The factors are where the gradients begin, which saves a step's graph a multiplication a term.
        """
        begin = [f if f.dtype == t.dtype else f.to(t.dtype) for t, f in zip(totals, factors, strict=True)]
        if self.scaler is not None:
            begin = [self.scaler.scale(factor) for factor in begin]
        torch.autograd.backward(totals, begin)

    def unscale(self, optimizer: Optimizer) -> None:
        """Take the scale out of the gradients, once a step."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """Step the optimizer; with float16 the scaler leaves out a step whose gradients overflowed."""
        if self.scaler is None:
            optimizer.step()
            return
        self.scaler.step(optimizer)
        self.scaler.update()


def as_full(outputs: Tensor) -> Tensor:
    """Outputs for losses and metrics: half precision as float32, anything else as it is."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs
