"""What is wrong with a circuit, in words: every problem at once, each with place, rule, value and repair."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from leyden.spec.document import Path
from leyden.spec.errors import UserError, shown
from leyden.spec.problems import rule_of
from leyden.spec.unions import BRANCH

from .frozen import SAID

#: place of a key of a circuit, e.g. ``circuit.yaml:3:5  ``, empty where none is known; and the key as it is
#: written there
Where = Callable[[Path], tuple[str, Path]]


def nowhere(path: Path) -> tuple[str, Path]:
    """The place of a key that no file has."""
    return "", path


class CircuitError(UserError):
    """A circuit, a model file or an input that cannot be used; ``problems`` says all that is wrong."""

    def __init__(self, problems: Sequence[str], name: str = "the circuit") -> None:
        assert problems
        self.problems, self.name = list(problems), name
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {name}"
        super().__init__("\n".join([count, *(f"  {p}" for p in self.problems)]))


@contextmanager
def said_of(owner: str, problems: list[str]) -> Generator[None]:
    """Collects what is refused within, as problems of its owner; who collects raises them together."""
    try:
        yield
    except CircuitError as error:
        problems += [f"{owner}: {problem}" for problem in error.problems]


def told(error: ValidationError, name: str, where: Where = nowhere) -> CircuitError:
    """A failed validation as one message a person can act on; ``where`` knows where each key was written."""
    errors = error.errors(include_url=False)
    return CircuitError([placed(_keys(e["loc"]), _said(e), where) for e in errors], name)


def _keys(location: Path) -> Path:
    """A location without what stands for a branch of a union."""
    return tuple(key for key in location if not str(key).startswith(BRANCH))


def placed(location: Path, text: str, where: Where) -> str:
    """What is to be said of a key, after its place and name."""
    place, path = where(location)
    return f"{place}{_key(path)}: {text}"


def _said(error: object) -> str:
    assert isinstance(error, dict)
    context: dict[str, object] = error.get("ctx") or {}
    known = f"must be {context['expected']}" if error["type"] == "literal_error" else ""
    line = known or rule_of(error, context).removeprefix("Value error, ")
    if error["type"] not in ("value_error", "missing", SAID):
        line += f", but got {shown(error['input'])}"
    near, allowed = context.get("near"), context.get("allowed")
    if near:
        line += f"; did you mean `{near}`?"
    elif isinstance(allowed, list) and allowed:
        line += "; known keys: " + ", ".join(map(str, allowed))
    return line


def _key(location: Sequence[str | int]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key or "top level"
