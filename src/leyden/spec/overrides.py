"""Values from the command line, the environment and `.env`, laid over a document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any, cast

from .document import Document, Key, Path, dotted
from .errors import NOTHING, Place, Problem, RunFileError
from .yaml import read_yaml

PREFIX = "LEYDEN__"
COMMAND_LINE = "command line"
DOTENV = ".env"


def from_command_line(document: Document, overrides: Sequence[str]) -> list[Problem]:
    """Lay ``key.path=value`` words over a document; the problems of those that cannot be."""
    problems: list[Problem] = []
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            rule = "an override is `key=value`, such as `optimizer.lr=1e-3`"
            problems.append(Problem(place=Place(COMMAND_LINE), key=key or "override", rule=rule, value=word))
            continue
        problems += _lay(document, key.strip().split("."), text, Place(COMMAND_LINE))
    return problems


def from_environment(document: Document, environ: Mapping[str, str], dotenv: File) -> list[Problem]:
    """Lay `LEYDEN__...` variables over a document, those of ``dotenv`` first; problems of what does not fit.

    Names are matched without regard to case, as environments have little of it.
    """
    problems: list[Problem] = []
    mine = {name: text for name, text in environ.items() if name.upper().startswith(PREFIX)}
    taken = {name.upper() for name in mine}
    for name, text in _dotenv(dotenv).items():
        if name.upper().startswith(PREFIX) and name.upper() not in taken:
            problems += _lay(document, _cased(document, name), text, Place(DOTENV))
    for name, text in mine.items():
        problems += _lay(document, _cased(document, name), text, Place(name))
    return problems


def _lay(document: Document, words: Sequence[str], text: str, place: Place) -> list[Problem]:
    path: Path = ()
    try:
        value = _value(text, place)
        for word in words[:-1]:
            path = (*path, _step(document, path, word, place))
        document.set((*path, _step(document, path, words[-1], place)), value, place)
    except RunFileError as error:
        return error.problems
    return []


def _step(document: Document, path: Path, word: str, place: Place) -> Key:
    """The key below ``path`` that a word names, ready to be written to: what is missing is made."""
    if not document.has(path):
        document.set(path, {}, place)
    node: Any = document.get(path)
    if isinstance(node, str) and path:  # a part without settings, which gets its first
        spot = document.spots.get(path)
        document.set(path, {"type": node}, place)
        if spot is not None:
            document.spots[path] = document.spots[*path, "type"] = spot
        return word
    if isinstance(node, dict) or node is None:
        if node is None:
            document.set(path, {}, place)
        return word
    items = cast("list[Any]", node) if isinstance(node, list) else None
    if items is not None and re.fullmatch(r"\d+", word) and int(word) <= len(items):
        return int(word)
    if items is None:
        rule = f"`{dotted(path)}` is a value and has no `{word}`"
    else:
        rule = f"`{dotted(path)}` is a list of {len(items)}; its items are `{dotted(path)}.0` and so on"
    key = dotted((*path, word))
    raise RunFileError([Problem(place=place, key=key, rule=rule, value=NOTHING)])


def _cased(document: Document, name: str) -> list[str]:
    """The keys that a variable names: in the document's own case where it has them, else in lower case."""
    words: list[str] = []
    path: Path = ()
    for part in name[len(PREFIX) :].split("__"):
        node: Any = document.get(path) if document.has(path) else None
        known: list[str] = [k for k in node if k.lower() == part.lower()] if isinstance(node, dict) else []
        words.append(known[0] if known else part.lower())
        index = int(words[-1]) if isinstance(node, list) and words[-1].isdigit() else words[-1]
        path = (*path, index)
    return words


def _value(text: str, place: Place) -> Any:
    """A value as YAML reads it; what is no YAML is a problem of the place it came from."""
    try:
        return read_yaml(text, place.file).tree if text.strip() else None
    except RunFileError as error:
        reason = error.problems[0].rule.removeprefix("this is no YAML: ")
        rule = f"the value is no YAML ({reason}); put it in quotes"
        raise RunFileError([Problem(place=place, key="override", rule=rule, value=text)]) from None


def _dotenv(file: File) -> dict[str, str]:
    """Names and values of a `.env` file; none where there is no such file."""
    if not file.is_file():
        return {}
    values: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        found = re.match(
            r"""^\s*(?:export\s+)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:#.*)?$""", line
        )
        if found:
            values[found[1]] = next((group for group in found.groups()[1:] if group is not None), "")
    return values
