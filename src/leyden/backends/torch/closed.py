"""Weights that change in updates alone, as far as code is known."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from leyden.tasks.task import Task

#: code that never writes a parameter in a forward pass; a user's may, through ``.data`` even uncounted
KNOWN = ("torch.nn.modules.", "leyden.models.nets.")
#: whoever hooks into a module or a parameter may write it
MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def closed_weights(model: nn.Module, task: Task) -> list[Tensor]:
    """The model's parameters if nothing in a forward and backward pass can write them, else none."""
    if _has_any_global_hook() or not type(task).__module__.startswith("leyden.tasks."):
        return []
    modules = list(_modules(model))
    if not all(map(_known, modules)):
        return []
    weights = [weight for module in modules for weight in vars(module)["_parameters"].values()]
    found = [weight for weight in weights if weight is not None]
    return [] if any(map(_hooked, found)) else found


def _modules(module: nn.Module) -> Iterator[nn.Module]:
    """As ``module.modules()``, at a third of the time: a deep model has hundreds, and every save asks."""
    yield module
    for child in vars(module)["_modules"].values():
        if child is not None:
            yield from _modules(child)


def _known(module: nn.Module) -> bool:
    own = vars(module)
    return not (
        any([own[hooks] for hooks in MODULE_HOOKS])  # a list: generators cost more than what they save
        or "forward" in own
        or own.get("max_norm") is not None  # an embedding that scales its rows down as it looks them up
        or not type(module).__module__.startswith(KNOWN)
    )


def _hooked(parameter: Tensor) -> bool:
    return bool(parameter._backward_hooks or parameter._post_accumulate_grad_hooks)
