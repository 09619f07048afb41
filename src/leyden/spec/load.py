"""From a run file to a `Run`, read top to bottom: read, override, refer, import, validate."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from .anchors import anchor
from .document import Document, dotted
from .document import Path as KeyPath
from .errors import Problem, RunFileError
from .overrides import DOTENV, from_command_line, from_environment
from .read import read
from .references import resolve
from .run import Run
from .secrets import hidden, secrets
from .validate import validate
from .walk import written


def load(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    allow_imports: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Run:
    """The validated run of a file.

    Later ones win: defaults, `extends`, the file, `.env` in the current folder, environment, ``overrides``.

    Args:
        path: The run file: YAML, JSON, TOML or CUE.
        overrides: Words such as ``optimizer.lr=1e-3``.
        allow_imports: Whether the file may name code: `imports`, and types such as ``package.module:Name``.
        environ: The environment; without it that of this process.

    Raises:
        RunFileError: with every problem of the file, the environment and the overrides.
    """
    document = read(Path(path))
    found = from_environment(document, os.environ if environ is None else environ, Path(DOTENV))
    found += from_command_line(document, overrides)
    return finish(document, allow_imports=allow_imports, found=found)


def finish(document: Document, *, allow_imports: bool = False, found: Sequence[Problem] = ()) -> Run:
    """The run of a document that is complete but for its references.

    Args:
        document: What was read; changed in place.
        allow_imports: Whether it may name code to run.
        found: Problems of making the document, told together with its own.

    Raises:
        RunFileError: with every problem.
    """
    before = [*found, *resolve(document)]
    leaks = secrets(document)
    before += _import(document, allow_imports)
    run, located = validate(document, allow_imports=allow_imports)
    if run is not None and not located and anchor(run, document):
        run, located = validate(document, allow_imports=allow_imports)
    every = [*before, *(p for _, p in leaks), *(p for _, p in hidden(located, {path for path, _ in leaks}))]
    told = {p.key for p in before}
    every = [p for p in every if p in before or p.key not in told]
    if every or run is None:
        raise RunFileError(
            sorted(every, key=lambda p: (p.place.file != document.name, p.place)), document.name
        )
    return run.from_file(Path(document.name), origins(run, document))


def origins(run: Run, document: Document) -> dict[str, str]:
    """Where each value of a run comes from, by dotted key."""
    return {dotted(path): _origin(written(path, document), document) for path in _leaves(run.tree())}


def _origin(path: KeyPath, document: Document) -> str:
    if path[-1] == "type":  # a bare name, or the other spelling
        path = next((p for p in (path, (*path[:-1], "@type"), path[:-1]) if p in document.spots), path)
    spot = document.spots.get(path)
    if spot is None:
        return "default"
    place = spot.value
    return f"{place.file}:{place.line}" if place.line else place.file


def _leaves(node: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Paths of everything in a tree but the mappings and lists that have something in them."""
    if isinstance(node, dict) and node:
        return [leaf for k, v in cast("dict[str, Any]", node).items() for leaf in _leaves(v, (*path, k))]
    if isinstance(node, list) and node:
        return [leaf for i, v in enumerate(cast("list[Any]", node)) for leaf in _leaves(v, (*path, i))]
    return [path]


def _import(document: Document, allow_imports: bool) -> list[Problem]:
    """Import the modules of the user's that register parts; the problems of those that cannot be."""
    names: Any = document.tree.get("imports")
    if allow_imports:
        # What a run file names lies next to it, or where the command was given.
        sys.path.extend(
            p for p in (str(Path(document.name).resolve().parent), os.getcwd()) if p not in sys.path
        )
    problems: list[Problem] = []
    for i, name in enumerate(cast("list[Any]", names) if isinstance(names, list) else []):
        rule, hint = "", ""
        if not allow_imports:
            rule, hint = "a run file runs code only if told so", "if you trust this file, add --allow-imports"
        elif isinstance(name, str):
            try:
                importlib.import_module(name)
            except Exception as error:
                rule = f"cannot be imported ({type(error).__name__}: {error})"
        if rule:
            path = ("imports", i)
            problems.append(
                Problem(place=document.place(path), key=dotted(path), rule=rule, value=name, hint=hint)
            )
    return problems
