"""Files to documents: YAML, JSON, TOML, CUE, and what they extend."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

from .document import Document
from .errors import Place, Problem, RunFileError, refused, shown
from .nearest import nearest
from .parts import RESERVED, kind_named
from .toml import read_toml
from .yaml import read_json, read_yaml


def read(path: Path) -> Document:
    """The document of a run file with everything it extends laid below it.

    Raises:
        RunFileError: for files that are missing, unreadable, or extend each other in a circle.
    """
    return _with_bases(path, ())


def _with_bases(path: Path, open_files: tuple[Path, ...]) -> Document:
    document = _alone(path)
    bases = _bases(document)
    if not bases:
        return document
    whole: Document | None = None
    for base, place in bases:
        file = path.parent / base
        chain = (*open_files, path.resolve())
        if file.resolve() in chain:
            raise refused(
                place, f"`extends` goes round in a circle, through {shown(base)}", "remove one of them"
            )
        if not file.exists():
            # a path is shown whole, however long: its end is what one looks for
            rule = f"'{file}' does not exist; `extends` starts from the folder of its own file"
            raise refused(place, rule, _near_file(file))
        below = _with_bases(file, chain)
        if whole is None:
            whole = below
        else:
            _lay(whole, below)
    assert whole is not None
    _lay(whole, document)
    return whole


def _lay(below: Document, top: Document) -> None:
    """Lay a file over what it extends. Named losses replace a single one: they are no settings of it."""
    mine, theirs = below.tree.get("loss"), top.tree.get("loss")
    if _type(mine) and _are_losses(theirs, _type(mine)):
        below.delete(("loss",))
    below.lay_over(top)


def _are_losses(node: Any, single: Any) -> bool:
    """Whether a node is named losses rather than settings of the loss ``single``."""
    if not isinstance(node, dict) or _type(node):
        return False
    terms = cast("dict[str, Any]", node)
    losses = kind_named("loss")
    named = [name for term in terms.values() if (name := term if isinstance(term, str) else _type(term))]
    try:
        part = losses.find(single)
    except Exception:  # told with everything else that the validation finds
        part = None
    if part is None:  # code of the user's, not imported yet: any word may be the value of a setting
        return any(name in losses.names() for name in named)
    settings = {setting.name for setting in part.signature.settings}
    return bool(named) and not terms.keys() & {*settings, *RESERVED["loss"]}


def _type(node: Any) -> Any:
    """What part a node names as its type; None for what is no node of a part."""
    return node.get("type", node.get("@type")) if isinstance(node, dict) else None


def _bases(document: Document) -> list[tuple[str, Place]]:
    """Takes `extends` out of a document."""
    if "extends" not in document.tree:
        return []
    value: Any = document.get(("extends",))
    many = isinstance(value, list)
    names = cast("list[Any]", value) if many else [value]
    if not all(isinstance(name, str) for name in names):
        place = document.place(("extends",))
        problem = Problem(place=place, key="extends", rule="must be a path, or a list of paths", value=value)
        raise RunFileError([problem], document.name)
    bases = [(name, document.place(("extends", i) if many else ("extends",))) for i, name in enumerate(names)]
    document.delete(("extends",))
    return bases


def _alone(path: Path) -> Document:
    name = str(path)
    text = _text(path)
    if path.suffix == ".toml":
        document = read_toml(text, name)
    elif path.suffix == ".json":
        document = read_json(text, name)
    elif path.suffix == ".cue":
        document = read_json(_exported(path), name)
        document.spots = {
            p: s for p, s in document.spots.items() if not p
        }  # places in what cue wrote, not in the file
    else:
        document = read_yaml(text, name)
    if not isinstance(document.tree, dict):
        rule = "a run file is a mapping of `key: value`"
        raise RunFileError(
            [Problem(place=Place(name, 1, 1), key="file", rule=rule, value=document.tree)], name
        )
    return document


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise refused(Place(str(path)), "there is no such file", _near_file(path)) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise refused(
            Place(str(path), line, 1), "this is no text in UTF-8", "save the file as UTF-8"
        ) from None
    except OSError as error:
        raise refused(Place(str(path)), f"cannot be read: {error.strerror}") from None


def _near_file(path: Path) -> str:
    files = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, sorted(files))
    return f"did you mean `{path.parent / near}`?" if near else ""


def _exported(path: Path) -> str:
    """JSON of a CUE file, from CUE's own program."""
    program = shutil.which("cue")
    if program is None:
        rule = "CUE files are read by the program `cue`, which is not installed"
        raise refused(Place(str(path)), rule, "install it from cuelang.org, or write YAML")
    done = subprocess.run(
        [program, "export", "--out", "json", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise refused(Place(str(path)), f"this is no CUE: {done.stderr.strip().splitlines()[0]}")
    return json.dumps(json.loads(done.stdout), indent=1)
