"""The connection to a server that may go away: training never waits for it and never ends with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Link:
    """Makes calls until one fails; then warns once, and makes no more.

    Trying again would have to wait for a timeout at every logged step, which costs more than the numbers are
    worth: ``metrics.csv`` has all of them.

    Args:
        name: Name of the tracker, for the warning.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_up = True

    def call(self, what: str, action: Callable[[], T]) -> T | None:
        """The result of ``action``; None if it fails or an earlier one did."""
        if not self.is_up:
            return None
        try:
            return action()
        except Exception as error:
            self.is_up = False
            cause = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            warnings.warn(
                f"tracker {self.name} could not {what} ({cause}) and is left out from here on; "
                f"training goes on, and metrics.csv has every number",
                stacklevel=3,
            )
            return None
