"""A tree of plain values that knows where each of them was written."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from .errors import Place

Key = str | int
Path = tuple[Key, ...]


@dataclass(frozen=True)
class Spot:
    """Where a key and its value stand. The two are one for items of lists and for values that no file has."""

    key: Place
    value: Place


@dataclass
class Document:
    """A run file on its way to a run: what it says, and where.

    Args:
        name: What messages call it.
        tree: Plain containers, numbers and texts.
        spots: Places by path; the root's is ``()``.
        nulled: Paths where a null was laid over a value: as if never set, where null is no value.
    """

    name: str
    tree: Any = field(default_factory=dict[str, Any])
    spots: dict[Path, Spot] = field(default_factory=dict[Path, Spot])
    nulled: set[Path] = field(default_factory=set[Path])

    def copy(self) -> Document:
        """A document that can be changed without changing this one."""
        return Document(self.name, deepcopy(self.tree), dict(self.spots), set(self.nulled))

    def get(self, path: Path) -> Any:
        """The value at ``path``; KeyError where there is none."""
        node = self.tree
        for key in path:
            if isinstance(node, dict) and key in node:
                node = cast("dict[Key, Any]", node)[key]
            elif isinstance(node, list) and isinstance(key, int) and 0 <= key < len(cast("list[Any]", node)):
                node = cast("list[Any]", node)[key]
            else:
                raise KeyError(path)
        return node

    def has(self, path: Path) -> bool:
        """Whether something stands at ``path``."""
        try:
            self.get(path)
        except KeyError:
            return False
        return True

    def set(self, path: Path, value: Any, place: Place) -> None:
        """Put a value, all of it written at ``place``, in the place of what was there."""
        parent: Any = self.get(path[:-1])
        if path[-1] == len(parent):
            parent.append(None)  # only lists have numbers for keys
        if value is None and self.has(path):
            self.nulled.add(path)
        self._forget(path)
        parent[path[-1]] = value
        self.spots.update({path + p: Spot(place, place) for p in paths(value)})

    def delete(self, path: Path) -> None:
        """Take a key or an item out."""
        self._forget(path)
        del self.get(path[:-1])[path[-1]]

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Where a value stands, or its key; what is not there is where its parent's key stands.

        A mapping or a list counts as standing at its key, as people look for it there.
        """
        for end in range(len(path), -1, -1):
            spot = self.spots.get(path[:end])
            if spot is None:
                continue
            compound = end < len(path) or isinstance(self.get(path[:end]), (dict, list))
            return spot.key if of_key or compound else spot.value
        return Place(self.name)

    def lay_over(self, top: Document) -> None:
        """Merge another document into this one; its values win.

        Mappings merge key by key, but a node that names another ``type`` replaces this one's settings too.
        Lists are replaced. A null takes away what was here.
        """
        self._lay((), top)
        self.nulled |= top.nulled
        self.spots[()] = top.spots.get((), Spot(Place(top.name), Place(top.name)))
        self.name = top.name

    def _lay(self, path: Path, top: Document) -> None:
        mine, theirs = self.get(path), top.get(path)
        for key, value in theirs.items():
            here = (*path, key)
            if key in mine and mergeable(mine[key], value):
                self.spots[here] = top.spots[here]
                self._lay(here, top)
                continue
            if value is None and key in mine:
                self.nulled.add(here)
            self._forget(here)
            mine[key] = deepcopy(value)
            self.spots.update({p: s for p, s in top.spots.items() if p[: len(here)] == here})

    def _forget(self, path: Path) -> None:
        for old in [p for p in self.spots if p[: len(path)] == path]:
            del self.spots[old]


def mergeable(a: Any, b: Any) -> bool:
    """Whether two values are mappings that belong together: no types, or the same."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return False
    a, b = cast("dict[str, Any]", a), cast("dict[str, Any]", b)
    types = [node.get("type", node.get("@type")) for node in (a, b)]
    return types[1] is None or types[0] == types[1]


def paths(value: Any) -> list[Path]:
    """The path of every node in a value, itself first."""
    found: list[Path] = [()]
    if isinstance(value, dict):
        found += [(k, *p) for k, v in cast("dict[str, Any]", value).items() for p in paths(v)]
    elif isinstance(value, list):
        found += [(i, *p) for i, v in enumerate(cast("list[Any]", value)) for p in paths(v)]
    return found


def dotted(path: Path) -> str:
    """A path as people write it, e.g. ``callbacks.0.patience``."""
    return ".".join(map(str, path))
