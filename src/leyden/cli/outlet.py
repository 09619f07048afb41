"""Standard streams that outlive their readers: `| head`, or a terminal that is closed, ends no work.

What is written once nobody reads goes nowhere, and the command leaves with the code that it has earned.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, TextIO, cast

#: what a system says of a stream that nobody reads: pipes, terminals, sockets, pipes of Windows
GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.EINVAL)


class Outlet:
    """A text stream that forgets what it is given once its reader is gone; everything else is the stream's.

    Args:
        stream: The stream; its descriptor then leads nowhere, for whoever else writes there, too.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str, /) -> int:
        """Write ``text``; gives its length."""
        with self._outliving():
            self.stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:
        """Write one text after another."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._outliving():
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @contextmanager
    def _outliving(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextmanager
def outliving_readers() -> Generator[None]:
    """Meanwhile standard output and the stream of errors are such streams; both are handed on at the end."""
    before = sys.stdout, sys.stderr
    # a program that was started without such a stream has None, which cannot be asked for anything
    out, err = (Outlet(stream or open(os.devnull, "w")) for stream in before)  # noqa: SIM115
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before
