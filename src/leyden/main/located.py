"""Problems that show once something is opened or built, at the place in the run file that they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leyden.spec.errors import NOTHING, Place, Problem, RunFileError, UserError

if TYPE_CHECKING:
    from leyden.spec import Run


def problem_at(run: Run, key: str, rule: str) -> Problem:
    """A problem at a key of the run file, or at the nearest key above it that was written down."""
    origin = written(run, key)
    file, _, line = origin.rpartition(":")
    place = Place(file, int(line)) if file and line.isdigit() else Place(origin)
    return Problem(place=place, key=key, rule=rule, value=NOTHING)


def written(run: Run, key: str) -> str:
    """Where a key, or the first thing below it, was written; else the same of the key above it."""
    while key:
        below = [o for k, o in run.origins.items() if f"{k}.".startswith(f"{key}.") and o != "default"]
        if below:
            return run.origins[f"{key}.type"] if run.origins.get(f"{key}.type") in below else below[0]
        key = key.rpartition(".")[0]
    return str(run.path)


def telling(run: Run, key: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """``make``, whose complaints about its settings become a problem of the run file's ``key``."""

    def made(*handed: Any) -> Any:
        try:
            return make(*handed)
        except UserError as error:
            raise RunFileError([problem_at(run, key, str(error))], str(run.path)) from error

    return made
