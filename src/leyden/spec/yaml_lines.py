"""A plain tree as lines of YAML, each with the path of the value it sets: a remark can stand beside each."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

Line = tuple[
    str, str
]  # the text, and the dotted path of the value it sets; empty for a line that only opens a block

#: text that means itself without quotation marks in YAML 1.2 and in 1.1: a word, a path, a duration
PLAIN = re.compile(
    r"([A-Za-z_/]|\.{1,2}/)[\w./%+-]*( [\w./%+-]+)*|\d+(\.\d+)? (steps?|epochs?|samples?|%|ms|s|min|h|d)"
)
#: words that some reader of YAML takes for something else
RESERVED = {
    "",
    "null",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "nan",
    "inf",
    ".nan",
    ".inf",
    ".",
}
WIDTH = 88  # a list of plain values longer than this gets a line an entry


def yaml_lines(tree: Mapping[str, Any], *, indent: str = "", path: str = "") -> Iterator[Line]:
    """Lines of a mapping; loading their text gives an equal tree."""
    for key, value in tree.items():
        here = f"{path}.{key}" if path else str(key)
        yield from _entry(f"{indent}{scalar(str(key))}:", value, indent, here)


def _entry(head: str, value: Any, indent: str, path: str) -> Iterator[Line]:
    if isinstance(value, Mapping) and value:
        yield head, ""
        yield from yaml_lines(cast("Mapping[str, Any]", value), indent=indent + "  ", path=path)
    elif isinstance(value, list) and (_has_mappings(value) or len(head) + len(flow(value)) > WIDTH):
        yield head, ""
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _item(item, indent + "  ", f"{path}.{index}")
    else:
        yield f"{head} {flow(value)}", path


def _item(item: Any, indent: str, path: str) -> Iterator[Line]:
    """One entry of a list; a mapping's first key stands behind the dash."""
    if isinstance(item, Mapping) and item:
        lines = yaml_lines(cast("Mapping[str, Any]", item), indent=indent + "  ", path=path)
        first, where = next(lines)
        yield f"{indent}- {first.lstrip()}", where
        yield from lines
    else:
        yield f"{indent}- {flow(item)}", path


def _has_mappings(items: list[Any]) -> bool:
    return any(isinstance(item, Mapping) and item for item in items)


def flow(value: Any) -> str:
    """Any value in one line."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{{', '.join(f'{scalar(key)}: {flow(item)}' for key, item in pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(flow(item) for item in cast('list[Any]', value))}]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One plain value; text gets quotation marks wherever a reader could take it for something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return (
            repr(value) if math.isfinite(value) else {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
        )
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
