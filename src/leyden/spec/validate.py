"""A document becomes a run, or all of its problems at once."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from .document import Document, Path, dotted
from .errors import NOTHING, Problem
from .finding import Finding
from .nearest import nearest
from .problems import RULES, UNKNOWN, problems
from .rules import findings
from .run import Run
from .walk import written

Located = list[tuple[Path, Problem]]

#: how often a file is mended and looked at again for what the first look could not see
LOOKS = 4


def validate(document: Document, *, allow_imports: bool) -> tuple[Run | None, Located]:
    """The run and what is wrong with it; the run is None where not even the mended file makes one.

    A look stops at what it cannot interpret: below an unknown part nothing is checked, and rules between
    sections need every section. So mistakes whose repair is plain are mended in a copy, looked at again.
    """
    found: Located = []
    _drop_nulls(document, allow_imports)
    copy = document
    for _ in range(LOOKS):
        run, errors = _look(copy, allow_imports)
        seen = {path for path, _ in found}
        found += [(path, problem) for path, problem in errors if path not in seen]
        if run is not None:
            return run, found + _broken_rules(run, copy, {path for path, _ in found})
        copy = copy.copy()
        if not _mend(copy, errors):
            break
    return None, found


def _look(document: Document, allow_imports: bool) -> tuple[Run | None, Located]:
    try:
        return Run.model_validate(document.tree, context={"allow_imports": allow_imports}), []
    except ValidationError as error:
        return None, problems(error, document)


def _drop_nulls(document: Document, allow_imports: bool) -> None:
    """Take out nulls that were laid over a value where null is no value: the key is then as if never set."""
    if document.nulled:
        _, errors = _look(document, allow_imports)
        for path in {path for path, _ in errors} & document.nulled:
            if document.has(path) and document.get(path) is None:
                document.delete(path)


def _mend(document: Document, errors: Located) -> int:
    """Mend what has a plain repair, and say how much that was; the rest stays wrong."""
    mended = 0
    for path, problem in errors:
        if not path or not document.has(path):
            continue
        if problem.rule == UNKNOWN and problem.nearest:
            _rename(document, path, problem.nearest)
        elif problem.nearest:
            document.set(path, problem.nearest, document.place(path))
        elif path[-1] in ("type", "@type") or isinstance(path[-1], int) or problem.rule == RULES["missing"]:
            continue
        else:
            document.delete(path)
        mended += 1
    return mended


def _rename(document: Document, path: Path, name: str) -> None:
    """Give a value another key, where that is free; the value keeps its place."""
    new = (*path[:-1], name)
    if not document.has(new):
        spots = {new + p[len(path) :]: s for p, s in document.spots.items() if p[: len(path)] == path}
        document.get(path[:-1])[name] = document.get(path)
        document.spots.update(spots)
    document.delete(path)


def _broken_rules(run: Run, document: Document, wrong: set[Path]) -> Located:
    """Rules between sections, except those that read something that is wrong by itself."""
    kept = [f for f in findings(run) if not any(_touch(key, w) for key in (f.path, *f.others) for w in wrong)]
    return [(path := written(f.path, document), _told(f, path, document)) for f in kept]


def _touch(a: Path, b: Path) -> bool:
    return a[: len(b)] == b or b[: len(a)] == a


def _told(finding: Finding, path: Path, document: Document) -> Problem:
    value: Any = finding.value
    near = nearest(value, finding.allowed) if isinstance(value, str) and finding.allowed else ""
    of_key = value is NOTHING or value == path[-1]
    return Problem(
        place=document.place(path, of_key=of_key), key=dotted(path), rule=finding.rule, value=value,
        allowed=finding.allowed, hint=finding.hint, nearest=near,
    )  # fmt: skip
