"""The catalogue of parts: what there is, what can be set, and an example of each."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, cast, get_args, get_origin

from .parts import Kind, Part, every_part, kind_named
from .signature import MISSING, Setting, section
from .slots import plain
from .unions import expected


@dataclass(frozen=True, kw_only=True)
class SettingDescription:
    """One setting of a part.

    Args:
        name: Its key.
        type: What it takes, in words.
        required: Whether it has no default.
        default: Its default as a run file has it; None where there is none, or where null is the default.
        doc: What it does.
    """

    name: str
    type: str
    required: bool
    default: Any
    doc: str


@dataclass(frozen=True, kw_only=True)
class PartDescription:
    """One part.

    Args:
        kind: Name of its kind.
        name: Its name in run files.
        summary: What it is, in one line.
        settings: What a run file can set.
        runs_on: Backends.
        requires: Modules of optional packages that it needs.
        extra: The extra that installs them.
        installed: Whether these are there.
        example: A node of a run file, as YAML.
    """

    kind: str
    name: str
    summary: str
    settings: tuple[SettingDescription, ...]
    runs_on: tuple[str, ...]
    requires: tuple[str, ...]
    extra: str | None
    installed: bool
    example: str


def catalogue(kind: str | Kind) -> list[PartDescription]:
    """Descriptions of all parts of a kind, by name; imports them."""
    return [describe(part) for part in every_part(kind_named(kind) if isinstance(kind, str) else kind)]


def describe(part: Part) -> PartDescription:
    """The description of one part."""
    return PartDescription(
        kind=part.kind,
        name=part.name,
        summary=part.summary,
        settings=tuple(_setting(s) for s in part.signature.settings),
        runs_on=part.runs_on,
        requires=part.requires,
        extra=part.extra,
        installed=not part.absent(),
        example=example(part),
    )


def example(part: Part) -> str:
    """The ``Example:`` section of a part's docstring, without a fence if it has one."""
    lines = section(inspect.getdoc(part.target) or "", "Example").splitlines()
    return "\n".join(line for line in lines if not line.startswith(("```", ".. code-block")))


def _setting(setting: Setting) -> SettingDescription:
    required = setting.default is MISSING
    default = None if required else plain(setting.default)
    words = type_in_words(setting.hint)
    return SettingDescription(
        name=setting.name, type=words, required=required, default=default, doc=setting.doc
    )


def type_in_words(hint: Any) -> str:
    """An annotation as a reader of the catalogue wants it: `a number > 0`, `a list of a transform`."""
    from .slots import checked

    origin, args = get_origin(hint), get_args(hint)
    metadata = getattr(hint, "__metadata__", ())
    if metadata:
        bounds = [
            f"{sign} {bound:,}" if isinstance(bound, int) else f"{sign} {bound:g}"
            for mark in metadata
            for sign, bound in _bounds(mark)
        ]
        return " ".join([type_in_words(args[0]), " and ".join(bounds)]).strip()
    if origin in (list, set, frozenset) and args:
        return f"a list of {_plural(type_in_words(args[0]))}"
    if origin is tuple and args:
        return "[" + ", ".join("..." if a is ... else type_in_words(a) for a in args) + "]"
    if origin is dict and args:
        return f"a mapping to {_plural(type_in_words(args[1]))}"
    if args and origin is not None and expected(hint).count(" or "):
        return " or ".join(type_in_words(a) for a in args)
    return expected(checked(hint)).replace(" (a name, or a mapping with `type`)", "")


def _bounds(mark: Any) -> list[tuple[str, float]]:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    marks = [mark, *cast("list[Any]", getattr(mark, "metadata", []))]
    return [(sign, getattr(m, name)) for m in marks for name, sign in signs.items() if hasattr(m, name)]


def _plural(words: str) -> str:
    for article in ("an ", "a "):
        if words.startswith(article) and " or " not in words:
            first, _, rest = words.removeprefix(article).partition(" ")
            return f"{first}s {rest}".strip()
    return words
