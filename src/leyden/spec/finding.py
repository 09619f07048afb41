"""A broken rule between sections of a run file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .document import Path
from .errors import NOTHING
from .run import Run


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One broken rule.

    Args:
        path: The key to look at.
        rule: The rule, as a phrase.
        hint: The repair.
        value: What the key has.
        allowed: What would be right; the nearest of it is looked up.
        others: Further keys that the rule reads; a finding is withheld while one of them is wrong by itself.
    """

    path: Path
    rule: str
    hint: str = ""
    value: Any = NOTHING
    allowed: tuple[str, ...] = ()
    others: tuple[Path, ...] = ()


Rule = Callable[[Run], Iterator[Finding]]
