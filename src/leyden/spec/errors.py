"""What a person did wrong, in words: every problem with place, key, rule, value and repair.

    ValueError
    └── UserError          wrong input; the command line prints it without a traceback and leaves with code 2
        ├── RunFileError   every problem of a run file, found before anything is built
        └── DataError      the data itself: unreadable, out of range, empty

Our own mistakes are `assert`s and never part of this tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class UserError(ValueError):
    """Wrong input, told in one message that needs no traceback."""


class DataError(UserError):
    """The data cannot be used; the message names file and row."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a value was written. Line and column count from 1; 0 where the origin is no file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a run file.

    Args:
        place: Where it stands.
        key: Dotted path of the key, e.g. ``trainer.max_epochs``.
        rule: The rule that is broken, as a phrase.
        value: What was given; `NOTHING` where something is missing.
        allowed: The values or keys that would be right, where they can be listed.
        hint: The repair, as a phrase.
        nearest: The allowed value or key nearest to what was given, or an empty string.
    """

    place: Place
    key: str
    rule: str
    value: Any = None
    allowed: tuple[str, ...] = ()
    hint: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        parts = [self.rule]
        if self.value is not NOTHING:
            parts[0] += f", but got {shown(self.value)}"
        if self.nearest:
            parts.append(f"did you mean `{self.nearest}`?")
        elif self.allowed and not self.hint:
            parts.append("allowed: " + ", ".join(self.allowed))
        if self.hint:
            parts.append(self.hint)
        return f"{self.place}  {self.key}: " + "; ".join(parts)


class Nothing:
    """The value of a problem about something that is not there."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = Nothing()


class RunFileError(UserError):
    """A run file that cannot become a run; `problems` has all that is wrong, in the order of the file."""

    def __init__(self, problems: Sequence[Problem], name: str = "the run file") -> None:
        assert problems
        self.problems = list(problems)
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {name}"
        super().__init__("\n".join([count, *(f"  {p}" for p in self.problems)]))


def shown(value: Any) -> str:
    """A value as a run file would spell it, cut to one short line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"'{value}'" if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def refused(place: Place, rule: str, hint: str = "") -> RunFileError:
    """The error of a file that cannot even be read."""
    return RunFileError([Problem(place=place, key="file", rule=rule, value=NOTHING, hint=hint)], place.file)
