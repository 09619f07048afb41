"""Unions that know which branch was meant, so that an error speaks of that branch alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin, runtime_checkable

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from .durations import Duration
from .nearest import nearest

#: begins every loc element that stands for a branch and not for a key
BRANCH = "\0"


@runtime_checkable
class Chooser(Protocol):
    """Metadata of an annotation that knows which values are meant for it."""

    expected: str

    def takes(self, value: Any, /) -> bool:
        """Whether a value is meant for this branch, right or wrong."""
        ...

    def has(self, value: Any, /) -> bool:
        """Whether a text is exactly one of the values of this branch."""
        ...


class OneOf:
    """Marks a union: the branch is chosen by the look of the value, and only its problems are reported."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        every = get_args(source)
        branches = [b for b in every if b is not NoneType]
        allowed = [str(v) for b in branches for v in literals(b)]
        context: Any = {"expected": " or ".join(map(expected, every)), "allowed": allowed}

        def choose(value: Any) -> str | None:
            found = chosen(branches, value)
            return None if found is None else f"{BRANCH}{found}"

        schema: CoreSchema = core_schema.tagged_union_schema(
            {f"{BRANCH}{i}": handler.generate_schema(b) for i, b in enumerate(branches)},
            choose,
            custom_error_type="expected",
            custom_error_message="expected {expected}",
            custom_error_context=context,
        )
        return core_schema.nullable_schema(schema) if NoneType in every else schema


def chosen(branches: Sequence[Any], value: Any) -> int | None:
    """Index of the branch that a value is meant for; None where it fits none of them."""
    takers = [i for i, b in enumerate(branches) if takes(b, value)]
    if len(takers) < 2:
        return takers[0] if takers else None
    exact = [i for i in takers if _has(branches[i], value)]
    if exact:
        return exact[0]
    if isinstance(value, str):
        near = [i for i in takers if nearest(value, map(str, literals(branches[i])))]
        open_ended = [i for i in takers if not literals(branches[i])]
        return (near + open_ended + takers)[0]
    return takers[0]


def takes(hint: Any, value: Any) -> bool:
    """Whether a value looks as if it was meant for this annotation."""
    hint, marks = _bare(hint)
    for mark in marks:
        if isinstance(mark, Chooser):
            return mark.takes(value)
    origin = get_origin(hint) or hint
    if origin is Literal:
        return type(value) in {type(v) for v in get_args(hint)}
    if origin in (str, Path, Duration):
        return isinstance(value, str)
    if origin in (bool, int):
        return type(value) is origin
    if origin is float:
        return type(value) in (int, float)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict)
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        return isinstance(value, list)
    return True


def expected(hint: Any) -> str:
    """An annotation in words, e.g. `an integer`."""
    hint, marks = _bare(hint)
    for mark in marks:
        if isinstance(mark, Chooser):
            return mark.expected
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return " or ".join(map(expected, get_args(hint)))
    if origin is Literal:
        return ", ".join(f"`{v}`" for v in get_args(hint))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)) and origin is not str:
        return "a list"
    words = {
        NoneType: "null", int: "an integer", float: "a number", bool: "true or false",
        str: "a text", Path: "a path", 
        Duration: "a duration such as `500 steps`",
    }  # fmt: skip
    return words.get(origin, getattr(origin, "__name__", str(origin)))


def literals(hint: Any) -> tuple[Any, ...]:
    """The values of a literal annotation; none for any other."""
    hint, _ = _bare(hint)
    return get_args(hint) if get_origin(hint) is Literal else ()


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without its metadata, and the metadata."""
    return (get_args(hint)[0], hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())


def _has(hint: Any, value: Any) -> bool:
    bare, marks = _bare(hint)
    for mark in marks:
        if isinstance(mark, Chooser):
            return mark.has(value)
    return value in get_args(bare) if get_origin(bare) is Literal else type(value) is bare
