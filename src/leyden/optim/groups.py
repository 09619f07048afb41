"""Which parameters are optimised together: named groups with settings of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from leyden.spec.errors import UserError
from leyden.spec.nearest import nearest

if TYPE_CHECKING:
    from torch import nn

    Named = dict[str, nn.Parameter]


def parameter_groups(
    module: nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.0,
    no_decay: bool = False,
    rules: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Groups for a torch optimizer: every trainable parameter is in exactly one.

    First the group ``default``, then one for each rule in order, named as its pattern; each is followed by
    ``<its name>/no_decay`` where there is one, and left out where it is empty. A group has ``name``, ``lr``,
    ``initial_lr`` (the same: schedules scale it), ``weight_decay``, and ``params`` as (name, parameter)
    pairs, so that checkpoints know names.

    Args:
        module: whose parameters; frozen ones are left out.
        lr: learning rate where no rule says another.
        weight_decay: where no rule says another.
        no_decay: true: biases, parameters of norms and all others of less than two dimensions do not decay.
        rules: each with ``match``, and ``lr`` or ``weight_decay`` or both; the first that matches counts.

    Raises:
        UserError: nothing to train, or a pattern that matches nothing.
    """
    free: Named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not free:
        raise UserError(
            "training needs a parameter that takes a gradient, but the model has none; unfreeze some"
        )
    trainable = len(free)
    named: list[tuple[str, Named, Mapping[str, Any]]] = []
    for rule in rules:
        taken = _take(rule["match"], free, module)
        named.append((rule["match"], taken, rule))
    named.insert(0, ("default", free, {}))

    exempt = _exempt(module) if no_decay else set[str]()
    groups: list[dict[str, Any]] = []
    for name, members, rule in named:
        rate, decay = _given(rule, "lr", lr), _given(rule, "weight_decay", weight_decay)
        apart = {n: p for n, p in members.items() if n in exempt and decay > 0.0}
        kept = {n: p for n, p in members.items() if n not in apart}
        groups += [_group(name, kept, rate, decay), _group(f"{name}/no_decay", apart, rate, 0.0)]
    groups = [group for group in groups if group["params"]]
    assert sum(len(group["params"]) for group in groups) == trainable
    return groups


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern matches: a glob of all of it, or ``re:`` and an expression found in it.

    Raises:
        UserError: an expression that is none.
    """
    if not pattern.startswith("re:"):
        return [name for name in names if fnmatchcase(name, pattern)]
    try:
        expression = re.compile(pattern.removeprefix("re:"))
    except re.error as error:
        raise UserError(
            f"`{pattern}` must be a regular expression after `re:`, but {error}; a glob such as `head.*` "
            "needs no `re:`"
        ) from None
    return [name for name in names if expression.search(name)]


def refuse_unmatched(pattern: str, names: Sequence[str]) -> None:
    """Raise UserError for a pattern that matches nothing, with the nearest that would."""
    modules = {name.rpartition(".")[0] for name in names if "." in name}
    parents = {
        ".".join(path.split(".")[:depth]) for path in modules for depth in range(1, path.count(".") + 2)
    }
    globs = sorted(f"{path}.*" for path in parents)
    wanted = f"{pattern}.*" if f"{pattern}.*" in globs else nearest(pattern, [*globs, *names])
    near = (
        f"did you mean `{wanted}`?"
        if wanted
        else f"names are {', '.join(names[:8])}{', ...' * (len(names) > 8)}"
    )
    raise UserError(f"a pattern must match a parameter, but `{pattern}` matches none; {near}")


def _take(pattern: str, free: Named, module: nn.Module) -> Named:
    """Move what matches out of ``free``."""
    found = matching(pattern, free)
    if not found:
        every = dict(module.named_parameters())
        others = matching(pattern, every)
        if not others:
            refuse_unmatched(pattern, list(every))
        why = (
            "are frozen" if not any(every[name].requires_grad for name in others) else "are in earlier groups"
        )
        raise UserError(
            f"a group needs parameters, but the {len(others)} that `{pattern}` matches {why}; remove the "
            "group"
        )
    return {name: free.pop(name) for name in found}


def _exempt(module: nn.Module) -> set[str]:
    """Names of biases, of everything in norms (by their type), and of all parameters below two dimensions."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]

    norms = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
    return {
        f"{path}.{name}" if path else name
        for path, layer in module.named_modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if name == "bias" or parameter.ndim <= 1 or isinstance(layer, norms)
    }


def _given(rule: Mapping[str, Any], setting: str, otherwise: float) -> float:
    value = rule.get(setting)
    return otherwise if value is None else value


def _group(name: str, members: Named, lr: float, weight_decay: float) -> dict[str, Any]:
    return {
        "name": name,
        "params": list(members.items()),
        "lr": lr,
        "initial_lr": lr,
        "weight_decay": weight_decay,
    }
