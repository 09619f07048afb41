"""Reads circuits from files, whatever their format; every file is read as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from leyden.spec.document import Document
from leyden.spec.errors import RunFileError
from leyden.spec.yaml import read_json, read_yaml

from .archive import present
from .arguments import expect
from .circuit import Circuit
from .json_file import is_exported, read_exported
from .old_names import spellings
from .problems import CircuitError, Where
from .rate_table import RateTable
from .saved import Saved
from .soen_file import read_soen
from .whole_file import replaced

#: a file of this name beside a circuit is its rate table, unless it carries one
TABLE_BESIDE = "rate_array.npz"


def load(path: str | Path, *, compat: Any = None) -> Saved:
    """What a file holds: a description, and the numbers of a model where it has them.

    Args:
        path: `.yaml`, `.yml` or `.json` (a description), `.json` (an exported model), `.soen` or `.pth` (a
            saved model).
        compat: Quirks of the original in addition to those the file asks for: `soen`, or a list of items.

    Raises:
        CircuitError: The file cannot be read, or with every problem of its circuit.
    """
    expect(path, (str, Path), "the file must be named by a text or a Path")
    path = Path(path)
    try:
        present(path)
        saved, table = _read(path, compat), path.with_name(TABLE_BESIDE)
        wanted = saved.circuit.uses_table and saved.carried is None
        return replace(saved, beside=RateTable.read(table)) if wanted and table.is_file() else saved
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
    except RecursionError:
        problem = f"{path} is nested too deeply to be a circuit"
    raise CircuitError([problem], "the file")


def _read(path: Path, compat: Any) -> Saved:
    match path.suffix.lower():
        case ".soen" | ".pth":
            return read_soen(path, compat)
        case ".json":
            tree = _json(path)
            if isinstance(tree, Mapping) and is_exported(cast(Mapping[str, Any], tree)):
                return read_exported(cast(Mapping[str, Any], tree), str(path), compat, _places(path))
            return _description(tree, path, compat)
        case ".yaml" | ".yml":
            return _description(_yaml(path), path, compat)
        case ".ckpt":
            raise CircuitError(
                [f"{path} is a checkpoint of a run; go on with `leyden train`, or give its .soen file"],
                "the file",
            )
        case other:
            raise CircuitError(
                [f"{path}: a circuit is a .yaml, .json, .soen or .pth file, but got {other!r}"], "the file"
            )


def write_description(path: str | Path, circuit: Circuit) -> None:
    """Write a circuit without numbers as `.yaml`, `.yml` or `.json`, defaults left out.

    Raises:
        CircuitError: Another ending, or the file cannot be written.
    """
    expect(path, (str, Path), "the file must be named by a text or a Path")
    expect(circuit, (Circuit,), "what is described must be a Circuit (save writes networks)")
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in WRITERS:
        known = ", ".join(WRITERS)
        problem = f"a description is written as {known}, but got {ending!r}; save writes models"
        raise CircuitError([problem], "the file")
    text = WRITERS[ending](circuit.tree())
    with replaced(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _as_json(tree: Any) -> str:
    return json.dumps(tree, indent=1)


def _as_yaml(tree: Any) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    YAML(typ="safe", pure=True).dump(tree, text := StringIO())
    return text.getvalue()


#: ending of a description -> how it is written
WRITERS = {".yaml": _as_yaml, ".yml": _as_yaml, ".json": _as_json}


def _description(tree: Any, path: Path, compat: Any) -> Saved:
    if not isinstance(tree, Mapping):
        raise CircuitError([f"{path} must hold a mapping with layers and connections"], "the file")
    return Saved(circuit=Circuit.read(tree, str(path), compat, _places(path), path.parent))


def _places(path: Path) -> Where:
    """Where keys of a file stand; it is read again for that, and only once something is wrong in it."""

    @cache
    def document() -> Document:
        read = read_json if path.suffix.lower() == ".json" else read_yaml
        return read(path.read_text(encoding="utf-8"), str(path))

    def where(key: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        try:
            written = next((path for path in spellings(key) if document().has(path)), key)
            return (f"{document().place(written)}  " if key else ""), written
        except (RunFileError, OSError):  # the message is to be of the circuit, not of how its file is written
            return "", key

    return where


def _json(path: Path) -> Any:
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree = dict(pairs)
        if len(tree) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(f"`{key}` is a key that stands twice" for key in tree if keys.count(key) > 1)
        return tree

    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise CircuitError([f"{path} is no JSON: {error}"], "the file") from None
    if twice:
        raise CircuitError(_told(text, path) or twice, f"the file {path}")
    return tree


def _told(text: str, path: Path) -> list[str]:
    """What stands twice in JSON, with its places; nothing where the text is too long to look for them."""
    try:
        read_json(text, str(path))
    except RunFileError as error:
        return [str(problem) for problem in error.problems if problem.key != "file"]
    return []


def _yaml(path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise CircuitError([f"{path}{place} is no YAML: {error.problem}"], "the file") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise CircuitError([f"{path} is no YAML: {error}"], "the file") from None
