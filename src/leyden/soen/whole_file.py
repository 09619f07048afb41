"""Files that are written whole or not at all, whatever was there before."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from .problems import CircuitError


@contextmanager
def replaced(path: Path) -> Generator[Path]:
    """A path beside ``path`` to write to; it becomes ``path`` if the block ends well, else it vanishes.

    The folder is made where there is none: a network that was trained for hours is not lost over it.

    Raises:
        CircuitError: There is no writing there.
    """
    path = path.resolve()  # a link stays one
    beside = path.with_name(f".{path.name[:50]}.{os.getpid()}.part")  # a name may have 255 bytes
    try:
        if path.is_dir():
            raise CircuitError([f"{path} is a folder; name a file in it"], "the file")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        os.replace(beside, path)
    except OSError as error:
        raise CircuitError([f"{path} cannot be written: {error}; name another"], "the file") from None
    finally:
        with suppress(OSError):  # it could not be written either, which is told already
            beside.unlink(missing_ok=True)
