"""Relative paths: those in a file start from its folder, those from elsewhere from the current one.

So a run file means the same wherever the command is given, and the resolved file, whose paths are absolute,
wherever it is put. Only ``folder.root`` stays as it is: results go where one stands.
"""

from __future__ import annotations

import os
from pathlib import Path

from .document import Document
from .run import Run
from .walk import walk, written

AS_THEY_ARE = {("folder", "root")}


def anchor(run: Run, document: Document) -> bool:
    """Make the relative paths of a document absolute; whether there were any."""
    found = False
    relative = [
        (key, value) for key, value in walk(run) if isinstance(value, Path) and not value.is_absolute()
    ]
    for key, path in relative:
        at = written(key, document)
        if key in AS_THEY_ARE or not document.has(at):
            continue
        place = document.place(at)
        base = Path(place.file).parent if place.line else Path.cwd()
        # Not resolved: a link stands for what it will point to when the run begins.
        document.set(at, os.path.abspath(base / path), place)
        found = True
    return found
