"""References from one value to another: ``${data.batch_size}``."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from .document import Document, Path, dotted, paths
from .errors import Problem, shown
from .nearest import nearest

REFERENCE = re.compile(r"(?<!\$)\$\{([^}]*)\}")


def resolve(document: Document) -> list[Problem]:
    """Put values in the place of references; the problems of those that lead nowhere or round in a circle.

    A reference that is a whole value keeps its type; inside of a text it becomes text. ``$${`` means ``${``.
    """
    problems: list[Problem] = []
    for path in paths(document.tree):
        value = document.get(path) if document.has(path) else None
        if isinstance(value, str) and "${" in value:
            _Resolver(document, problems).text(path, ())
    return problems


class _Resolver:
    """Follows references depth first."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document, self.problems = document, problems

    def text(self, path: Path, trail: tuple[Path, ...]) -> Any:
        """The value at ``path`` once its references are resolved, which is stored there too."""
        value: str = self.document.get(path)
        whole = REFERENCE.fullmatch(value)
        if whole:
            new = self._target(whole[1].strip(), path, trail)
        else:
            new = REFERENCE.sub(lambda m: self._inside(m[1].strip(), path, trail), value).replace("$${", "${")
        place = self.document.place(path)
        self.document.set(path, new, place)
        return new

    def _inside(self, name: str, path: Path, trail: tuple[Path, ...]) -> str:
        value = self._target(name, path, trail)
        if isinstance(value, (dict, list)):
            self._problem(path, name, "a list or a mapping does not fit into a text")
            return ""
        return value if isinstance(value, str) else shown(value)

    def _target(self, name: str, path: Path, trail: tuple[Path, ...]) -> Any:
        target = _path(name)
        if target in (*trail, path) or target == path[: len(target)]:
            self._problem(path, name, "references go round in a circle")
            return None
        if self.document.has(target):
            for below in paths(self.document.get(target)):
                found = self.document.get((*target, *below))
                if isinstance(found, str) and "${" in found:
                    self.text((*target, *below), (*trail, path))
            return deepcopy(self.document.get(target))
        known, default = _default(target)
        if not known:
            here = [dotted(p) for p in self.document.spots if p]
            self._problem(path, name, "no such key", nearest(name, here))
        return default

    def _problem(self, path: Path, name: str, rule: str, near: str = "") -> None:
        near = f"${{{near}}}" if near else ""
        place, key = self.document.place(path), dotted(path)
        self.problems.append(Problem(place=place, key=key, rule=rule, value=f"${{{name}}}", nearest=near))


def _path(name: str) -> Path:
    return tuple(int(word) if word.isdigit() else word for word in name.split("."))


def _default(path: Path) -> tuple[bool, Any]:
    """The default of a key that the file does not set, and whether there is such a key."""
    from .run import Run

    model: type[BaseModel] = Run
    for word in path[:-1]:
        field = model.model_fields.get(str(word))
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, BaseModel)
        ):
            return False, None
        model = field.annotation
    field = model.model_fields.get(str(path[-1]))
    if field is None or field.is_required():
        return False, None
    value = field.get_default(call_default_factory=True)  # pyright: ignore[reportCallIssue]
    return (True, value) if isinstance(value, (str, int, float, bool, type(None))) else (False, None)
