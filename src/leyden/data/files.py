"""Files that are not there, said with the nearest name that is."""

from __future__ import annotations

from pathlib import Path

from leyden.spec.errors import DataError


def nearest_file(path: Path) -> str:
    """A hint for a missing file: the existing name most like it, or where the path stops existing."""
    from difflib import get_close_matches

    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    if parent != path.parent:
        return f"folder {parent} exists, {path.relative_to(parent)} in it does not"
    names = sorted(entry.name for entry in parent.iterdir())
    close = get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {parent / close[0]}?"
    return f"{parent} holds {', '.join(names[:8]) or 'nothing'}{' ...' if len(names) > 8 else ''}"


def require_file(path: Path) -> None:
    """Raise a `DataError` with the nearest existing name unless ``path`` is a file."""
    if path.is_dir():
        raise DataError(f"{path}: a file is needed, but this is a folder")
    if not path.is_file():
        raise DataError(f"{path}: no such file; {nearest_file(path)}")
