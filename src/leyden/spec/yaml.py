"""YAML 1.2 (and JSON, its subset) with the place of every key and value."""

from __future__ import annotations

import json
import re
from typing import Any

from .document import Document, Path, Spot
from .errors import NOTHING, Place, Problem, RunFileError, refused
from .nodes import Node, compose

#: more nodes than any run file has; aliases of aliases can make billions out of one screen
LIMIT = 200_000

#: longer ones stay texts, as nobody means them and Python refuses them
INTEGER = re.compile(r"[-+]?[0-9]{1,400}|0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), ".Inf": float("inf"), ".INF": float("inf"), "-.inf": -float("inf"),
    "+.inf": float("inf"),
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
}  # fmt: skip
TAGS: dict[str, type] = {
    "str": str, "int": int, "float": float, "bool": bool, "null": type(None), "seq": list, "map": dict,
}  # fmt: skip


def read_yaml(text: str, name: str) -> Document:
    """The document in ``text``.

    Raises:
        RunFileError: with the place where the text stops being YAML, or a key stands twice.
    """
    return _Reader(text, name, json_texts=False).read()


def read_json(text: str, name: str) -> Document:
    """The document in JSON ``text``; its places are found by reading it as YAML, which JSON is a part of.

    Raises:
        RunFileError: with the place where the text stops being JSON, or a key stands twice.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise refused(Place(name, error.lineno, error.colno), f"this is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise refused(Place(name, 1, 1), f"this cannot be read: {error}") from None
    # Tabs may indent JSON but not YAML; inside of JSON's texts they cannot occur.
    return _Reader(text.replace("\t", " "), name, json_texts=True).read()


def scalar(text: str) -> Any:
    """The value of a plain scalar by the core schema of YAML 1.2: `3e-4` is a number, `no` is a text."""
    if text in SPECIAL:
        return SPECIAL[text]
    if INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if FLOAT.fullmatch(text) else text


class _Reader:
    """One text on its way to a document."""

    def __init__(self, text: str, name: str, *, json_texts: bool) -> None:
        self.text, self.name, self.json_texts = text, name, json_texts
        self.spots: dict[Path, Spot] = {}
        self.problems: list[Problem] = []
        self.open: list[Node] = []

    def read(self) -> Document:
        start = Place(self.name, 1, 1)
        self.spots[()] = Spot(start, start)
        try:
            root = compose(self.text, self.name)
            tree = self._value(root, ()) if root is not None else {}
        except RecursionError:
            raise refused(start, "this is nested too deeply") from None
        if self.problems:
            raise RunFileError(self.problems, self.name)
        return Document(self.name, tree, self.spots)

    def _value(self, node: Node, path: Path) -> Any:
        if len(self.spots) > LIMIT or any(node is parent for parent in self.open):
            raise refused(node.start, "aliases that never end", "write the values out")
        self.open.append(node)
        value = self._scalar(node) if node.text is not None else self._container(node, path)
        self.open.pop()
        return value

    def _container(self, node: Node, path: Path) -> Any:
        if self._tag(node) not in ("", "map" if node.is_mapping else "seq"):
            self._problem(node.start, path, "a tag that does not fit", "remove the tag", node.tag)
        if node.is_mapping:
            return self._mapping(node, path)
        for i, item in enumerate(node.items):
            self.spots[*path, i] = Spot(item.start, item.start)
        return [self._value(item, (*path, i)) for i, item in enumerate(node.items)]

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in node.pairs:
            if not key.text:
                self._problem(key.start, path, "a key must be a word", "name it, in one line")
            elif key.text in tree:
                hint = f"it stands in line {self.spots[*path, key.text].key.line} too"
                self._problem(key.start, (*path, key.text), "a key stands only once", hint)
            elif not _is_merge(key):
                self._entry(tree, key, value, path)
        for key, value in node.pairs:
            if _is_merge(key):
                self._merge(tree, value, path)
        return tree

    def _entry(self, tree: dict[str, Any], key: Node, value: Node, path: Path) -> None:
        name = json.loads(self._raw(key)) if self.json_texts else str(key.text)
        self.spots[*path, name] = Spot(key.start, value.start)
        tree[name] = self._value(value, (*path, name))

    def _merge(self, tree: dict[str, Any], node: Node, path: Path) -> None:
        """YAML's `<<: *anchor`, as every tool knows it: keys that are not written here come from there."""
        for source in [node] if node.is_mapping else node.items or [node]:
            if not source.is_mapping:
                self._problem(source.start, (*path, "<<"), "`<<` takes a mapping", "write `<<: *anchor`")
            for key, value in source.pairs:
                if key.text and key.text not in tree:
                    self._entry(tree, key, value, path)

    def _scalar(self, node: Node) -> Any:
        text = node.text or ""
        if self.json_texts:
            return json.loads(self._raw(node))
        tag = self._tag(node)
        if tag in ("", "str"):
            return text if tag or node.quoted else scalar(text)
        value: Any = scalar(text)
        if type(value) is not TAGS[tag] and not (tag == "float" and type(value) is int):
            self._problem(node.start, (), f"`!!{tag}` does not fit", "remove the tag", text)
        return float(value) if tag == "float" and isinstance(value, (int, float)) else value

    def _tag(self, node: Node) -> str:
        """The name of an explicit tag; others than YAML's own are refused, they would name code."""
        name = node.tag.removeprefix("tag:yaml.org,2002:").removeprefix("!!")
        if name in ("", "!"):
            return "str" if name and node.text is not None else ""
        if name not in TAGS:
            self._problem(node.start, (), "a run file has no tags of its own", "remove the tag", node.tag)
            return ""
        return name

    def _raw(self, node: Node) -> str:
        return self.text[node.first : node.last]

    def _problem(self, place: Place, path: Path, rule: str, hint: str, value: Any = NOTHING) -> None:
        key = ".".join(map(str, path)) or "file"
        self.problems.append(Problem(place=place, key=key, rule=rule, value=value, hint=hint))


def _is_merge(key: Node) -> bool:
    return key.text == "<<" and not key.quoted
