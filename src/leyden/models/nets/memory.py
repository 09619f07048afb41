"""What training a model takes in memory, before it is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .parameters import num_parameters, size_bytes


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of one training step on one device, without the backend's overhead and temporary buffers."""

    weights: int  # parameters and buffers
    gradients: int
    optimizer: int  # its state after the first step
    activations: int  # what the backward pass needs of one micro-batch

    @property
    def total(self) -> int:
        """All four together."""
        return self.weights + self.gradients + self.optimizer + self.activations


def optimizer_bytes(module: nn.Module, make_optimizer: Callable[[nn.Module], torch.optim.Optimizer]) -> int:
    """State of an optimizer after one step of a copy of ``module``, which itself is left alone."""
    try:
        return _state_after_step(copy.deepcopy(module).to("meta"), make_optimizer)  # takes no memory
    except (RuntimeError, NotImplementedError):  # an optimizer that looks at values, e.g. Adafactor
        return _state_after_step(copy.deepcopy(module), make_optimizer)


def _state_after_step(module: nn.Module, make_optimizer: Callable[[nn.Module], torch.optim.Optimizer]) -> int:
    optimizer = make_optimizer(module)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    return sum(t.numel() * t.element_size() for t in states if isinstance(t, Tensor))


def training_memory(
    module: nn.Module, activations: int, make_optimizer: Callable[[nn.Module], torch.optim.Optimizer]
) -> Memory:
    """The estimate, with ``activations`` from `retained` over one micro-batch."""
    trainable = num_parameters(module, trainable_only=True)
    share = trainable / max(1, num_parameters(module))
    return Memory(
        weights=size_bytes(module),
        gradients=round(size_bytes(module, include_buffers=False) * share),
        optimizer=optimizer_bytes(module, make_optimizer),
        activations=activations,
    )
