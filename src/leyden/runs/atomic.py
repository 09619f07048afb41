"""Files that are whole or absent, whatever happens while they are written.

write a temporary name in the same folder -> fsync it -> rename it over the name -> fsync the folder

The power may fail, too: bytes last once their file was synced, a name once the folder that it is in was.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from leyden.spec.errors import DataError


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A temporary path to write to; it becomes ``path`` if the block ends well, else it vanishes."""
    make(path.parent)
    # a name may have 255 bytes, whatever is added here
    temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in ``folder``; only for whoever alone writes there."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace ``path`` by a file of ``data``."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by a UTF-8 file of ``text``, with its line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, tree: Any) -> None:
    """Replace ``path`` by strict JSON; NaN and infinities become the strings that ``float()`` reads."""
    write_text(path, json.dumps(strict(tree), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in ``path``.

    Raises:
        DataError: it is no JSON mapping; the message names the file and the place.
    """
    try:
        tree = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(
            f"{path} must be JSON, but it is damaged ({error}); restore it, or move it away"
        ) from None
    if not isinstance(tree, dict):
        raise DataError(f"{path} must be a JSON mapping, but it is a {type(tree).__name__}; restore it")
    return cast("dict[str, Any]", tree)


def strict(tree: Any) -> Any:
    """The same tree with nothing in it that JSON cannot say."""
    if isinstance(tree, Mapping):
        return {str(key): strict(value) for key, value in cast("Mapping[Any, Any]", tree).items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [strict(value) for value in cast("Sequence[Any]", tree)]
    if isinstance(tree, float) and not math.isfinite(tree):
        return str(tree)
    return str(tree) if isinstance(tree, Path) else tree


def make(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, and their names last."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def sync(file: Path) -> None:
    """Make the bytes of ``file`` and its name last."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` last, where the file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync files only
            raise
    finally:
        os.close(handle)
