"""Relative paths: those in a file start from the folder of that file, those from elsewhere from the current one.

So a run file means the same wherever the command is given, and the resolved file, whose paths are absolute, wherever
it is put. Only ``folder.root`` stays as it is: results go where one stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from .document import Document
from .document import Path as KeyPath
from .run import Run
from .slots import PartSpec
from .strict import Strict
from .walk import written

AS_THEY_ARE = {("folder", "root")}


def anchor(run: Run, document: Document) -> bool:
    """Make the relative paths of a document absolute; whether there were any."""
    found = False
    for key, path in _paths(run):
        at = written(key, document)
        if key in AS_THEY_ARE or path.is_absolute() or not document.has(at):
            continue
        place = document.place(at)
        base = Path(place.file).absolute().parent if place.line else Path.cwd()
        document.set(at, str(base / path), place)
        found = True
    return found


def _paths(node: Any, key: KeyPath = ()) -> list[tuple[KeyPath, Path]]:
    """Every path among the values of a validated run, and where it stands."""
    if isinstance(node, Path):
        return [(key, node)]
    if isinstance(node, PartSpec):
        reserved = {name: getattr(node, name) for name in type(node).__base__.model_fields if name != "type"}
        node = node.settings() | reserved
    elif isinstance(node, Strict):
        node = {name: getattr(node, name) for name in type(node).model_fields}
    if isinstance(node, dict):
        return [leaf for k, v in cast("dict[str, Any]", node).items() for leaf in _paths(v, (*key, k))]
    if isinstance(node, (list, tuple)):
        return [leaf for i, v in enumerate(cast("list[Any]", node)) for leaf in _paths(v, (*key, i))]
    return []
