"""Which values of a run were set from outside of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leyden.spec.run import Run


def overridden(run: Run) -> dict[str, str]:
    """Where each value came from that the command line or the environment set, by dotted key, in order."""
    return {key: origin for key, origin in sorted(run.origins.items()) if not _is_file_or_default(origin)}


def _is_file_or_default(origin: str) -> bool:
    """Values of files are told with their line."""
    return origin == "default" or origin.rpartition(":")[2].isdigit()
