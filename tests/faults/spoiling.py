"""Faults inside a process: gradients that are not finite, and memory that runs out in an update."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def nan_in_passes(numbers: Collection[int]) -> Iterator[None]:
    """These passes of a dropout in training, counted from 1, give NaN, and so do those right after them.

    A step that is looked at again is thus as bad the second time.
    """
    passes = [0]

    def spoil(module: nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(module, nn.Dropout) and module.training:
            passes[0] += 1
            return output * float("nan") if {passes[0], passes[0] - 1} & set(numbers) else None
        return None

    handle = nn.modules.module.register_module_forward_hook(spoil)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def nan_after_update(number: int) -> Iterator[None]:
    """A weight is NaN after the process' update ``number``, counted from 1, and no gradient has told."""
    whole, calls = torch.optim.AdamW.step, [0]

    def spoils(self: torch.optim.AdamW, closure: Any = None) -> Any:
        calls[0] += 1
        given = whole(self, closure)
        if calls[0] == number:
            self.param_groups[0]["params"][0].detach()[0] = float("nan")
        return given

    torch.optim.AdamW.step = spoils
    try:
        yield
    finally:
        torch.optim.AdamW.step = whole


@contextmanager
def shortage_in_update(number: int) -> Iterator[list[int]]:
    """AdamW runs out after it has changed the moments of the first parameters, in one step of the process.

    Gives how many steps there were.
    """
    whole, calls = torch.optim.AdamW.step, [0]

    def torn(self: torch.optim.AdamW, closure: Any = None) -> Any:
        calls[0] += 1
        if calls[0] != number:
            return whole(self, closure)
        for parameter in self.param_groups[0]["params"][1:]:
            parameter.grad = None
        whole(self, closure)
        raise torch.OutOfMemoryError("injected in the middle of an update")

    torch.optim.AdamW.step = torn
    try:
        yield calls
    finally:
        torch.optim.AdamW.step = whole
