"""From validated specs to live objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from .slots import PartSpec


def build(spec: Any, *handed: Any) -> Any:
    """The live object of a spec; also of every spec in a list or a mapping.

    Nested parts are built first. A part with parameters left of ``/`` is called with ``handed``; nested ones that wait
    for such arguments, and an outer one that is given none, arrive as callables that take them.
    """
    if isinstance(spec, PartSpec):
        return _part(spec, handed)
    if isinstance(spec, Mapping):
        return {name: build(value, *handed) for name, value in cast("Mapping[str, Any]", spec).items()}
    if isinstance(spec, (list, tuple)):
        return type(spec)(build(value, *handed) for value in cast("list[Any]", spec))
    return cast("Any", spec)


def _part(spec: PartSpec, handed: tuple[Any, ...]) -> Any:
    settings = {name: build(value) for name, value in spec.settings().items()}
    wanted = len(spec.part.signature.handed)
    if wanted and not handed:
        return partial(spec.part.target, **settings)
    assert not wanted or len(handed) == wanted, f"{spec.part.kind} '{spec.part.name}' takes {wanted} arguments"
    return spec.part.target(*handed[:wanted], **settings)
