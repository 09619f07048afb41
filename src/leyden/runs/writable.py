"""Whether files can be made in a place, as the file system itself says; permissions only let one hope."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile


def obstacle(path: Path) -> str:
    """Why no file can be made at ``path``, or a folder on the way to it; empty if it can. Keeps nothing."""
    there = next(folder for folder in path.absolute().parents if os.path.exists(folder))
    if not there.is_dir():
        return f"{there} is a file"
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        return f"{there} takes no files ({error.strerror})"
    return ""
