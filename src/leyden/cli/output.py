"""Where a command writes: told before the work, not after."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile


def ready(path: Path, option: str, read: tuple[Path | None, ...] = ()) -> None:
    """Make the folder of a file to be written.

    Args:
        path: The file; one that exists is replaced.
        option: The option that named it.
        read: Files that the command reads, which must stay.

    Raises:
        UserError: It cannot be written, or is one that is read.
    """
    from leyden.spec.errors import UserError

    if path.is_dir():
        raise UserError(f"{option} must name a file, but {path} is a folder")
    if any(other is not None and other.exists() and path.exists() and path.samefile(other) for other in read):
        raise UserError(f"{option} {path} would replace a file that is read; name another")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.open("ab").close()
        else:  # what the file system says, not what the permissions let one hope
            TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UserError(f"{option} {path} cannot be written: {error.strerror}; name another place") from None
