"""A file that is measured while it is written."""

from __future__ import annotations

import hashlib
from typing import IO


class Digesting:
    """Writes to a binary file, and knows the SHA-256 and the number of the bytes that it was given.

    Args:
        file: Opened for writing; at its beginning.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.error: OSError | None = (
            None  # libraries that write through this may raise something vague instead
        )

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data``."""
        self._digest.update(data)
        view = memoryview(data).cast("B")
        self.bytes += len(view)
        try:
            self._file.write(view)
        except OSError as error:
            self.error = error
            raise
        return len(view)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    @property
    def sha256(self) -> str:
        """Of everything so far, in hexadecimal."""
        return self._digest.hexdigest()
