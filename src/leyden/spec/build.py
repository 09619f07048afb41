"""From validated specs to live objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from .slots import PartSpec


def build(spec: Any, *handed: Any) -> Any:
    """The live object of a spec; also of every spec in a list or a mapping.

    Nested parts are built first. A part with parameters left of ``/`` is called with ``handed``; nested ones
    that wait for such arguments, and an outer one that is given none, arrive as callables that take them.
    """
    if isinstance(spec, PartSpec):
        return _part(spec, handed)
    if isinstance(spec, Mapping):
        return {name: build(value, *handed) for name, value in cast("Mapping[str, Any]", spec).items()}
    if isinstance(spec, (list, tuple)):
        return type(spec)(build(value, *handed) for value in cast("list[Any]", spec))
    return spec


def _part(spec: PartSpec, handed: tuple[Any, ...]) -> Any:
    settings = {name: build(value) for name, value in spec.settings().items()}
    signature = spec.part.signature
    if len(handed) < signature.needed:
        assert not handed, (
            f"{spec.part.kind} `{spec.type}` takes {signature.needed} arguments, not {len(handed)}"
        )
        return partial(spec.part.target, **settings)
    return spec.part.target(*handed[: len(signature.handed)], **settings)
