"""TOML with the line of every key."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from typing import Any, cast

from .document import Document, Key, Path, Spot, paths
from .errors import Place, refused

HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ENTRY = re.compile(
    r"""^(\s*)((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)(\s*=\s*)\S"""
)
WORD = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def read_toml(text: str, name: str) -> Document:
    """The document in TOML ``text``. Values inside of inline tables and lists stand where their entry begins.

    Raises:
        RunFileError: with the line where the text stops being TOML.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = Place(name, int(found[1]), int(found[2])) if found else Place(name, text.count("\n") + 1, 1)
        raise refused(place, f"this is no TOML: {str(error).partition(' (at')[0]}") from None
    except (ValueError, RecursionError) as error:
        raise refused(Place(name, 1, 1), f"this cannot be read: {error}") from None
    start = Place(name, 1, 1)
    document = Document(name, _plain(tree), {(): Spot(start, start)})
    written = _places(text, name)
    for path in paths(document.tree):
        above = [written[path[:end]] for end in range(len(path), 0, -1) if path[:end] in written]
        if above:
            document.spots[path] = above[0]
    return document


def _places(text: str, name: str) -> dict[Path, Spot]:
    """Where headers and entries begin; lines of long texts may look like them, but nobody asks for those."""
    spots: dict[Path, Spot] = {}
    table: Path = ()
    arrays: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := HEADER.match(line):
            table = _within(_words(found[2]), arrays, new_item=found[1] == "[[")
            place = Place(name, number, line.index("[") + 1)
            spots.update(
                {
                    table[:end]: Spot(place, place)
                    for end in range(1, len(table) + 1)
                    if table[:end] not in spots
                }
            )
        elif found := ENTRY.match(line):
            path = (*table, *_words(found[2]))
            key = Place(name, number, len(found[1]) + 1)
            spots.setdefault(path, Spot(key, Place(name, number, found.end())))
            for end in range(len(table) + 1, len(path)):
                spots.setdefault(path[:end], Spot(key, key))
    return spots


def _within(words: Path, arrays: dict[Path, int], *, new_item: bool) -> Path:
    """The path of a header: each array of tables above it stands for its newest item."""
    path: Path = ()
    for i, word in enumerate(words):
        path = (*path, word)
        if new_item and i == len(words) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _words(text: str) -> tuple[Key, ...]:
    return tuple(word.strip("\"'") for word in WORD.findall(text))


def _plain(value: Any) -> Any:
    """TOML's dates as texts, which is what YAML has."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(v) for v in cast("list[Any]", value)]
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value
