"""What a signature and its docstring say about the settings of a part."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, get_type_hints


class Missing:
    """The default of a setting that has none."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One parameter that a run file sets."""

    name: str
    hint: Any
    default: Any
    doc: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Parameters of a part: those the program hands over, and those a run file sets.

    Args:
        handed: Names left of ``/``.
        needed: How many of these have no default.
        settings: What is set from the run file.
    """

    handed: tuple[str, ...]
    needed: int
    settings: tuple[Setting, ...]


def refuse_loose(target: Callable[..., Any]) -> None:
    """Refuse settings that a schema cannot be made of.

    Raises:
        TypeError: at registration, naming the parameter that is not keyword-only or not annotated.
    """
    for p in inspect.signature(target).parameters.values():
        where = f"{target.__module__}.{target.__qualname__}: parameter '{p.name}'"
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(
                f"{where} must be left of `/` (the program hands it over) or right of `*` (a file sets it)"
            )
        if p.kind is p.KEYWORD_ONLY and p.annotation is p.empty:
            raise TypeError(f"{where} must be annotated to be set from a run file")


def signature_of(target: Callable[..., Any], *, foreign: bool = False) -> Signature:
    """The signature of a registered part, or of any class or function (``foreign``), taken as it is.

    In a foreign signature ordinary parameters are settings too, what is not annotated takes anything, and
    ``*args`` and ``**kwargs`` stay empty.
    """
    docs, settings = argument_docs(target), list[Setting]()
    parameters = inspect.signature(target).parameters.values()
    handed = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
    for p in parameters:
        if p not in handed and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            hint = _hint(target, p, foreign)
            settings.append(
                Setting(name=p.name, hint=hint, default=_default(target, p), doc=docs.get(p.name, ""))
            )
    needed = sum(p.default is p.empty for p in handed)
    return Signature(handed=tuple(p.name for p in handed), needed=needed, settings=tuple(settings))


def summary(target: Callable[..., Any]) -> str:
    """First line of the docstring."""
    return (inspect.getdoc(target) or "").split("\n", 1)[0].strip()


def argument_docs(target: Callable[..., Any]) -> dict[str, str]:
    """Lines of the ``Args:`` section by parameter, each as one line."""
    init = getattr(target, "__init__", None)
    for source in (target, init):
        body = section(inspect.getdoc(source) or "", "Args")
        found = re.finditer(
            r"^\*{0,2}(\w+)(?:\s*\([^)]*\))?:[ \n]+(.*(?:\n[ \t]+.*|\n(?=\n[ \t]))*)", body, re.M
        )
        docs = {m[1]: " ".join(m[2].split()) for m in found}
        if docs:
            return docs
    return {}


def section(text: str, name: str) -> str:
    """The indented body of one section of a Google-style docstring, not indented; empty if absent."""
    found = re.search(rf"^{name}:{{1,2}}[ \t]*\n((?:[ \t]+.*(?:\n|$)|[ \t]*\n)+)", text, re.M)
    return inspect.cleandoc("\n" + found[1]) if found else ""


def _hint(target: Callable[..., Any], p: inspect.Parameter, foreign: bool) -> Any:
    """The annotation of one parameter, evaluated; those of others may have names that only checkers know."""
    if p.annotation is p.empty:
        return Any
    holder = SimpleNamespace(__annotations__={p.name: p.annotation})
    try:
        return get_type_hints(holder, globalns=_globals(target, p.name), include_extras=True)[p.name]
    except Exception:
        if foreign:
            return Any
        raise


def _globals(target: Callable[..., Any], name: str) -> dict[str, Any]:
    """The names an annotation was written among: for a dataclass, those of the class that has the field."""
    if not inspect.isclass(target):
        return inspect.unwrap(target).__globals__
    if dataclasses.is_dataclass(target):
        owners = [c for c in target.__mro__ if name in inspect.get_annotations(c)]
        if owners:
            return vars(sys.modules[owners[0].__module__])
    return getattr(inspect.unwrap(target.__init__), "__globals__", {})


def _default(target: Callable[..., Any], p: inspect.Parameter) -> Any:
    if p.default is p.empty:
        return MISSING
    if dataclasses.is_dataclass(target):
        for field in dataclasses.fields(target):
            if field.name == p.name and field.default_factory is not dataclasses.MISSING:
                return field.default_factory()
    return p.default
