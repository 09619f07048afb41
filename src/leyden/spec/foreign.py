"""Classes and functions that a run file names by import path, for runs that allow it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from .parts import Part, kind_named


@cache
def foreign_part(kind: str, path: str) -> Part:
    """The part behind ``package.module:Name``.

    Raises:
        ImportError, AttributeError, TypeError: whatever importing somebody's module raises, and if the name
            is no class or function.
    """
    module, _, name = path.partition(":")
    target: Any = importlib.import_module(module)
    for step in name.split("."):
        target = getattr(target, step)
    if not callable(target):
        raise TypeError(f"{path} is no class or function")
    runs_on = ("torch",) if _is_torch(target) else ("torch", "jax")
    return Part(kind=kind_named(kind).name, name=path, target=target, runs_on=runs_on, foreign=True)


def _is_torch(target: Any) -> bool:
    bases: tuple[type, ...] = getattr(target, "__mro__", ())
    return any(
        base.__module__.partition(".")[0] in ("torch", "lightning", "pytorch_lightning") for base in bases
    )
