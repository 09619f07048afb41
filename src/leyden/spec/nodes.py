"""The nodes of a YAML text with their places, composed from the events of a parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import Place, refused

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError


@dataclass(eq=False)
class Node:
    """A scalar, a list or a mapping as it was written.

    Args:
        start: Where it begins.
        first: Offset of its first letter in the text.
        last: Offset behind its last letter; of scalars only.
        tag: Its explicit tag, or an empty string.
        text: What a scalar says; None for lists and mappings.
        quoted: Whether a scalar has quotes, so that it can be nothing but text.
        is_mapping: Whether it has pairs.
        items: Items of a list.
        pairs: Keys and values of a mapping.
    """

    start: Place
    first: int = 0
    last: int = 0
    tag: str = ""
    text: str | None = None
    quoted: bool = False
    is_mapping: bool = False
    items: list[Node] = field(default_factory=list["Node"])
    pairs: list[tuple[Node, Node]] = field(default_factory=list[tuple["Node", "Node"]])


def compose(text: str, name: str) -> Node | None:
    """The root node of the one document in ``text``; None where there is none.

    Raises:
        RunFileError: where the text is no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)  # pyright: ignore[reportUnknownMemberType]
        return _Composer(events, name).root()
    except MarkedYAMLError as error:
        raise _explained(error, text, name) from None
    except YAMLError as error:
        raise refused(Place(name, 1, 1), f"this is no YAML: {str(error).splitlines()[0]}") from None


class _Composer:
    """Takes events one by one."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self.events, self.name = events, name
        self.anchors: dict[str, Node] = {}

    def root(self) -> Node | None:
        next(self.events)  # the stream begins
        if type(next(self.events)).__name__ == "StreamEndEvent":
            return None
        node = self._node(next(self.events))
        next(self.events)  # the document ends
        after = next(self.events)
        if type(after).__name__ != "StreamEndEvent":
            raise refused(self._place(after), "a run file is one document", "remove what follows `---`")
        return node

    def _node(self, event: Any) -> Node:
        kind = type(event).__name__
        if kind == "AliasEvent":
            if event.anchor not in self.anchors:
                hint = f"anchor a value above with `&{event.anchor}`, or put the text in quotes"
                raise refused(self._place(event), f"nothing is anchored as `{event.anchor}`", hint)
            return self.anchors[event.anchor]
        node = Node(self._place(event), event.start_mark.index, tag=str(event.tag or ""))
        if event.anchor:
            self.anchors[event.anchor] = node
        if kind == "ScalarEvent":
            node.text, node.quoted, node.last = event.value, event.style is not None, event.end_mark.index
        elif kind == "SequenceStartEvent":
            node.items.extend(self._until("SequenceEndEvent"))
        else:
            node.is_mapping = True
            flat = list(self._until("MappingEndEvent"))
            node.pairs.extend(zip(flat[::2], flat[1::2], strict=True))
        return node

    def _until(self, end: str) -> Iterator[Node]:
        while type(event := next(self.events)).__name__ != end:
            yield self._node(event)

    def _place(self, event: Any) -> Place:
        return Place(self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _explained(error: MarkedYAMLError, text: str, name: str) -> Exception:
    what = str(error.problem or error.context)
    # A missing colon shows in the next line, a missing quote at the end; their contexts are where they lack.
    missing_colon = "could not find expected ':'" in what
    late = missing_colon or "unexpected end of stream" in what
    mark: Any = (error.context_mark if late else error.problem_mark) or error.context_mark
    place = Place(name, mark.line + 1, mark.column + 1) if mark is not None else Place(name, 1, 1)
    lines = text.splitlines()
    if "mapping values are not allowed" in what and (above := _colonless(lines, place.line)):
        place, missing_colon = Place(name, above, 1 + _indent(lines[above - 1])), True
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    hint = ""
    if "${" in line and line[place.column - 1 : place.column] == "{":
        hint = "inside of `{...}` and `[...]` a reference needs quotes: '${...}'"
    elif line[place.column - 1 : place.column] == "@":
        hint = 'YAML keeps `@` for itself: write `type:`, or quote it, `"@type":`'
    elif "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "indent with spaces; YAML takes no tabs"
    elif missing_colon:
        hint = "write `key: value`, with a colon and a space"
    elif "mapping values are not allowed" in what:
        hint = "one `key: value` a line; a text that has `: ` in it needs quotes"
    return refused(place, f"this is no YAML: {what}", hint)


def _colonless(lines: list[str], number: int) -> int:
    """The line above line ``number`` if it lacks the colon that its neighbour has; both were read as one."""
    above = number - 1
    while above > 0 and not lines[above - 1].strip():
        above -= 1
    lacks = (
        above > 0 and ":" not in lines[above - 1] and _indent(lines[above - 1]) == _indent(lines[number - 1])
    )
    return above if lacks else 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
