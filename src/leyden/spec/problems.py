"""From pydantic's errors to problems: place, key, rule, value, what is allowed, and the nearest of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from .document import Document, Path, dotted
from .errors import NOTHING, Problem
from .nearest import nearest
from .renamed import instead_of_key, instead_of_value
from .unions import BRANCH

#: pydantic's error types in our words; what is in braces comes from the error's context
RULES = {
    "missing": "a required key is missing",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "is_instance_of": "must be a path",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must have at least {min_length} letters",
    "string_too_long": "must have at most {max_length} letters",
    "string_pattern_mismatch": "must look like {pattern}",
    "literal_error": "is no known value",
}

UNKNOWN = "unknown key"

Errors = list[Any]


def problems(error: ValidationError, document: Document) -> list[tuple[Path, Problem]]:
    """Every problem of a validation with the path it is about, each mistake once."""
    errors: Errors = error.errors(include_url=False)
    found = [(path := _path(e["loc"]), _problem(e, path, document)) for e in errors]
    slips = {(*path[:-1], problem.nearest) for path, problem in found if problem.rule == UNKNOWN}
    return [(p, problem) for p, problem in found if p not in slips or problem.rule != RULES["missing"]]


def _path(loc: Iterable[Any]) -> Path:
    return tuple(key for key in loc if not (isinstance(key, str) and key.startswith(BRANCH)))


def _problem(error: Any, path: Path, document: Document) -> Problem:
    code, context = error["type"], error.get("ctx", {})
    if code in ("unknown_key", "extra_forbidden"):
        return _unknown_key(path, context, document)
    if code == "missing" and path and isinstance(path[-1], int):
        rule, value = f"must have at least {path[-1] + 1} items", _value(document, path[:-1])
        return Problem(place=document.place(path[:-1]), key=dotted(path[:-1]), rule=rule, value=value)
    if code in ("missing", "missing_type"):
        rule = context.get("rule") or RULES["missing"]
        return Problem(
            place=document.place(path), key=dotted(path) or "file", rule=rule, value=NOTHING,
            allowed=tuple(context.get("allowed", ())),
        )  # fmt: skip
    return _wrong_value(error, path, context, document)


def _unknown_key(path: Path, context: Any, document: Document) -> Problem:
    value = _value(document, path)
    hint = instead_of_key(path, value, document.tree)
    near = "" if hint else str(context.get("near", ""))
    if not hint and not near:
        hint = _home(path)
    return Problem(
        place=document.place(path, of_key=True), key=dotted(path), rule=UNKNOWN, value=NOTHING,
        allowed=tuple(context.get("allowed", ())), hint=hint, nearest=near,
    )  # fmt: skip


def _wrong_value(error: Any, path: Path, context: Any, document: Document) -> Problem:
    value = _value(document, path)
    allowed = tuple(str(a) for a in context.get("allowed", ()))
    if error["type"] == "literal_error":
        allowed = tuple(re.findall(r"'([^']*)'", context["expected"])) or (context["expected"],)
    if error["type"] in ("bool_type", "bool_parsing"):
        allowed = ("true", "false")
    hint = str(context.get("hint", "")) or instead_of_value(path, value)
    near = str(context.get("near", ""))
    if not near and not hint and isinstance(value, str):
        near = nearest(value, allowed)
    rule = str(context.get("rule") or rule_of(error, context))
    hint = hint or ("" if near else _spelling(error["type"], value))
    return Problem(
        place=document.place(path), key=dotted(path) or "file", rule=rule, value=value, allowed=allowed,
        hint=hint, nearest=near,
    )  # fmt: skip


def rule_of(error: Any, context: Any) -> str:
    """What one of pydantic's errors says was broken, in our words where there are some."""
    template = RULES.get(error["type"])
    # a bound is told as it is meant: 1 where it was written 1.0, 4294967296 and not 4.29e+09
    words = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in context.items()}
    return template.format_map(words) if template else str(error["msg"])


def _spelling(code: str, value: Any) -> str:
    """How the same value is written as the type that is wanted."""
    if code in ("int_type", "float_type") and isinstance(value, str):
        return "write it without quotes" if re.fullmatch(r"\s*[-+]?[\d.]+([eE][-+]?\d+)?\s*", value) else ""
    if code in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if code == "bool_type" and str(value).lower() in ("yes", "on", "y", "1"):
        return "write true"
    if code == "bool_type" and str(value).lower() in ("no", "off", "n", "0", "none"):
        return "write false"
    if code == "string_type" and isinstance(value, (int, float, bool)):
        return "write it in quotes"
    if code in ("list_type", "tuple_type"):
        return "write it as `[...]`"
    return ""


def _home(path: Path) -> str:
    """The section that a key belongs to, if another one has a key of exactly this name."""
    from .run import Run

    name, top = str(path[-1]), str(path[:1][0])
    if len(path) > 1 and name in Run.model_fields:
        return f"`{name}` stands at the top of the file"
    for section, field in Run.model_fields.items():
        known: Any = getattr(field.annotation, "model_fields", {})
        if section != top and name in known:
            return f"`{name}` belongs under `{section}`"
    return ""


def _value(document: Document, path: Path) -> Any:
    """What the file has at ``path``; a bare name for a part's `type`."""
    for end in (len(path), len(path) - 1):
        if document.has(path[:end]) and (end == len(path) or path[-1] in ("type", "@type")):
            return document.get(path[:end])
    return NOTHING
