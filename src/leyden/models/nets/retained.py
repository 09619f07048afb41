"""What a forward pass keeps in memory, and which modules keep it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks


class Retained:
    """Bytes by module, in the first forward pass that is measured; the rest of the loss has no module.

    Args:
        module: The model.
        there: Tensors that take their memory anyway; weights and buffers are known to.
    """

    def __init__(self, module: nn.Module, there: Iterable[Tensor] = ()) -> None:
        self.by_module: dict[str, int] = {}
        tensors = (*module.parameters(), *module.buffers(), *there)
        self._seen = {_where(tensor) for tensor in tensors}
        self._running: list[str] = []
        self._passes = 0

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self.by_module.values())

    def enter(self, name: str, module: nn.Module, inputs: Any) -> None:
        """A module begins; the model itself has the name ""."""
        self._passes += not name
        self._running.append(name)

    def leave(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        """A module is through. Where autograd saves nothing, what the innermost modules gave counts."""
        if self._running:
            self._running.pop()
        if torch.is_grad_enabled() or next(module.children(), None) is not None:
            return
        with suppress(Exception):  # some kinds of tensors have no storage
            if all(_where(output) != _where(given) for given in inputs if isinstance(given, Tensor)):
                self._add(output, name)

    def keep(self, tensor: Tensor) -> Tensor:
        """Autograd saves a tensor, for the module that is running."""
        with suppress(Exception):  # counting never fails
            if _where(tensor) not in self._seen:
                self._seen.add(_where(tensor))
                self._add(tensor, self._running[-1] if self._running else "")
        return tensor.detach()  # itself would hold what holds it, for ever if there is no backward pass

    def _add(self, tensor: Tensor, name: str) -> None:
        if self._passes <= 1:
            self.by_module[name] = self.by_module.get(name, 0) + tensor.untyped_storage().nbytes()


@contextmanager
def retained(module: nn.Module, there: Iterable[Tensor] = ()) -> Generator[Retained]:
    """Counts what is kept of a forward pass within the block: for the backward pass, or as modules' outputs.

    Only looks: the numbers stay what they are. Not for compiled modules.

    Example: ``with retained(model) as kept: loss = model(batch).sum()``, then ``kept.bytes``.
    """
    kept = Retained(module, there)
    with ExitStack() as hooks:
        for name, each in module.named_modules():
            hooks.callback(each.register_forward_pre_hook(partial(kept.enter, name)).remove)
            leave = each.register_forward_hook(partial(kept.leave, name), always_call=True)
            hooks.callback(leave.remove)
        hooks.enter_context(saved_tensors_hooks(kept.keep, _as_it_is))
        yield kept


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _where(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
