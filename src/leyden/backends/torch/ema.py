"""An exponential moving average of the weights, used wherever the model is measured."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class NoAverage:
    """Weights are used as they are."""

    def update(self, step: int) -> None: ...

    @contextmanager
    def swapped(self) -> Generator[None]:
        """Measure with the weights themselves."""
        yield

    def state(self) -> dict[str, Tensor]:
        """Nothing to keep."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None: ...


class Average(NoAverage):
    """``average = decay * average + (1 - decay) * weights`` every ``every`` steps; buffers are not averaged.

    Args:
        module: Whose parameters; the average begins as a copy of them.
        decay: Share of the old average, in (0, 1).
        every: Optimizer steps between updates.
    """

    def __init__(self, module: nn.Module, decay: float, every: int = 1) -> None:
        self.names = [name for name, _ in module.named_parameters()]
        self.weights: list[Tensor] = list(module.parameters())
        self.average = [weight.detach().clone() for weight in self.weights]
        self.decay = decay
        self.every = every

    def update(self, step: int) -> None:
        """Take in the weights after ``step`` optimizer steps."""
        if step % self.every == 0:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.weights, 1 - self.decay)

    @contextmanager
    def swapped(self) -> Generator[None]:
        """Measure with the average; the weights come back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, Tensor]:
        """Parameter name -> average."""
        return dict(zip(self.names, self.average, strict=True))

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        for name, average in zip(self.names, self.average, strict=True):
            average.copy_(state[name])

    def _swap(self) -> None:
        for index, weight in enumerate(self.weights):
            weight.data, self.average[index] = self.average[index], weight.data
