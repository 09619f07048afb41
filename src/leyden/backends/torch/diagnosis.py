"""Finds where a step first stops being finite, by taking it once more with somebody looking."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Finding:
    """Where numbers stop being finite.

    Args:
        where: In words; empty if it was not found.
        rows: Positions in this process's share of the step whose numbers are bad, where that is known.
    """

    where: str = ""
    rows: list[int] = field(default_factory=list[int])


class Witness:
    """What modules gave and were given back, in the order in which it happened.

    Args:
        model: Whose modules.
    """

    def __init__(self, model: nn.Module) -> None:
        self.names = {module: name for name, module in model.named_modules()}
        self.bad_output: tuple[str, list[int]] | None = None
        self.backwards: list[tuple[str, bool]] = []  # module, whether the gradient of its output is finite
        self.offset = 0  # samples of the pieces before

    @contextmanager
    def looking(self) -> Generator[None]:
        """Look at every module that has no modules of its own."""
        with ExitStack() as hooks:
            for module in self.names:
                if not any(True for _ in module.children()):
                    handle = module.register_forward_hook(self._gave)
                    hooks.callback(handle.remove)
            yield

    def _gave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return
        name = self.names[module]
        if self.bad_output is None and not bool(torch.isfinite(output).all()):
            self.bad_output = name, [self.offset + row for row in bad_rows(output)]
        if output.requires_grad:
            output.register_hook(lambda grad: self.backwards.append((name, bool(torch.isfinite(grad).all()))))


def at_rest(model: nn.Module, batch: dict[str, Tensor]) -> Finding:
    """What is not finite before the step has begun: a weight, or the samples of this process."""
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return Finding(f"the parameter {name}, before the step")
    for name, tensor in batch.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return Finding(f"the data: `{name}`", bad_rows(tensor))
    return Finding()


def in_motion(model: nn.Module, again: Callable[[], Iterable[int]]) -> Finding:
    """Where the step whose gradients are not finite goes wrong; weights must be those from before it.

    Args:
        model: The model.
        again: Takes the step's forward and backward passes once more, with the same random numbers; gives the
            number of samples after each piece.
    """
    witness = Witness(model)
    with witness.looking():
        for samples in again():  # all of them, because a model's own collectives need every process
            witness.offset += samples
    if witness.bad_output is not None:
        name, rows = witness.bad_output
        return Finding(f"the output of module {_quoted(name)}", rows)
    return _in_backward(model, witness.backwards)


def together(told: Sequence[tuple[str, list[int]]]) -> tuple[str, list[int]]:
    """What several processes found, as one: where it begins, and with which samples.

    Args:
        told: What each rank found, in words, and its samples; the words of the first that found any count.
    """
    where = next((words for words, _ in told if words), "")
    ranks = [rank for rank, (words, _) in enumerate(told) if words == where]
    samples = [sample for rank in ranks for sample in told[rank][1]]
    everywhere = not where or len(ranks) == len(told)
    return where + ("" if everywhere else f" on rank {', '.join(map(str, ranks))}"), samples


def _in_backward(model: nn.Module, backwards: list[tuple[str, bool]]) -> Finding:
    """The module behind whose output all was well and before it no more; gradients run from the loss back."""
    for (later, _), (_, finite) in zip([("", True), *backwards], backwards, strict=False):
        if not finite:
            where = f"the backward pass of module {_quoted(later)}" if later else "the loss, or its gradient"
            return Finding(where)
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            return Finding(f"the gradient of parameter {name}")
    return Finding()


def bad_rows(tensor: Tensor) -> list[int]:
    """Rows in which a number is not finite."""
    if tensor.ndim == 0:
        return []
    bad = ~torch.isfinite(tensor.detach()).reshape(len(tensor), -1).all(1)
    return [int(row) for row in bad.nonzero().flatten()]


def _quoted(name: str) -> str:
    return f"`{name}`" if name else "the model itself"
