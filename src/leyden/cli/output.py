"""Where a command writes: told before the work, and what was there stays until the new file is whole."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path


def ready(path: Path, option: str, read: Iterable[Path | None] = ()) -> None:
    """See that a file can be written, without leaving a trace.

    Args:
        path: The file; one that exists is to be replaced.
        option: The option that named it.
        read: Files that the command reads, which must stay.

    Raises:
        UserError: It cannot be written, or is one that is read.
    """
    from leyden.runs.writable import obstacle
    from leyden.spec.errors import UserError

    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "a device"
            raise UserError(f"{option} must name a file, but {path} is {what}")
        if any(other is not None and same(path, other) for other in read):
            raise UserError(f"{option} {path} would replace a file that is read; name another")
        if path.exists():
            path.open("ab").close()
        why = obstacle(path)
    except OSError as error:
        why = error.strerror
    if why:
        raise UserError(f"{option} {path} cannot be written: {why}; name another place")


def same(path: Path, other: Path) -> bool:
    """Whether two names are of one file, which need not exist yet."""
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Where to write instead: it becomes ``path`` once it is whole, and vanishes if it never is."""
    from leyden.runs import atomic

    with atomic.replacing(path.resolve()) as beside:  # a link stays one
        yield beside
