"""One line of a checkpoint index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A checkpoint that was written whole.

    Args:
        step: Optimizer steps completed.
        file: Name within the checkpoint folder.
        sha256: Digest of the file's bytes, in hexadecimal.
        bytes: Size of the file.
        metrics: What was measured when it was written.
        finite: Whether its weights are finite numbers.
        time: When it was written, in UTC.
        kept: Why it is kept: ``best 1``, ``last`` ...; empty for one that is about to go.
    """

    step: int
    file: str
    sha256: str
    bytes: int
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    finite: bool = True
    time: str = ""
    kept: tuple[str, ...] = ()

    def tree(self) -> dict[str, Any]:
        """Plain containers, from which `from_tree` makes an equal entry."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Entry:
        """The entry that `tree` described, as JSON hands it back."""
        entry = cls(**tree)
        numbers = {name: float(value) for name, value in entry.metrics.items()}  # NaN is a string in JSON
        return replace(entry, metrics=numbers, kept=tuple(entry.kept))
