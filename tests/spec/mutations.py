"""Mistakes made on purpose: run files that are right, each spoilt in one place."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from leyden.spec import Run, RunFileError
from leyden.spec.document import Document, dotted
from leyden.spec.document import Path as KeyPath
from leyden.spec.errors import Place
from leyden.spec.load import finish
from leyden.spec.yaml import read_yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "files"

#: below these keys names are the user's own
OWN_NAMES = {("loss",), ("metrics",)}

EDITS = ("delete", "insert", "swap", "replace")

#: nodes that nobody would write on purpose
ODD: tuple[Any, ...] = (
    None, [], {}, [[]], "", " ", "\n", {"type": None}, {"type": []}, {"@type": 3}, {"type": "x:y"}, {"": 1},
    10**30, float("inf"), float("nan"), "9" * 5000, "${}", "${data}", "${data.train}", "$${x}", {"${a}": 1},
    [1, "a", None, {}], {"a": {"b": {"c": 1}}}, {"type": "mlp", "type ": 1}, {"<<": 1},
    {"type": "cnn", "channels": {"type": "mlp"}},
)  # fmt: skip

#: settings that cannot go together, and the key that is told
COMBINATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no end": ({"trainer": {"log_every_n_steps": 5}}, "trainer"),
    "epochs": ({"trainer.min_epochs": 9, "trainer.max_epochs": 3}, "trainer.min_epochs"),
    "steps": ({"trainer.min_steps": 9, "trainer.max_steps": 3}, "trainer.min_steps"),
    "exactness": ({"trainer.deterministic": True, "trainer.benchmark": True}, "trainer.benchmark"),
    "prefetching": ({"data.num_workers": 0, "data.prefetch_factor": 3}, "data.prefetch_factor"),
    "persistence": ({"data.num_workers": 0, "data.persistent_workers": True}, "data.persistent_workers"),
    "pieces": ({"data.batch_size": 8, "data.micro_batch_size": 9}, "data.micro_batch_size"),
    "devices": ({"data.batch_size": 2, "data.micro_batch_size": 1, "trainer.devices": 4}, "data.batch_size"),
    "half floats": ({"trainer.accelerator": "cpu", "trainer.precision": "16-mixed"}, "trainer.precision"),
    "batch norm": ({"trainer.accelerator": "cpu", "trainer.sync_batchnorm": True}, "trainer.sync_batchnorm"),
    "clipping": (
        {"trainer.gradient_clip_val": None, "trainer.gradient_clip_algorithm": "value"},
        "trainer.gradient_clip_algorithm",
    ),
    "backend": ({"backend": "jax"}, "model"),
    "monitor": ({"checkpoint.monitor": "val/bleu"}, "checkpoint.monitor"),
    "best": ({"checkpoint": {"save_top_k": 4}}, "checkpoint.save_top_k"),
    "target": ({"schedules": {"momentum": "linear"}}, "schedules.momentum"),
    "warm-up": (
        {"schedules": {"lr": {"type": "cosine", "warmup": "90 steps"}}, "trainer.max_steps": 80},
        "schedules.lr.warmup",
    ),
    "seeds": ({"seed": 4294967295, "repeats": 9}, "seed"),
    "few batches": ({"trainer.overfit_batches": 3, "trainer.fast_dev_run": True}, "trainer.overfit_batches"),
    "accumulation": ({"trainer.accumulate_grad_batches": 4}, "trainer.accumulate_grad_batches"),
    "gpus": ({"trainer.gpus": 4}, "trainer.gpus"),
    "secret": ({"folder.api_key": "0123456789abcdef"}, "folder.api_key"),
    "code": ({"model": "my_package.models:Net"}, "model"),
    "imports": ({"imports": ["my_package"]}, "imports.0"),
}


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One mistake.

    Args:
        file: The file it was made in.
        kind: What sort of mistake it is.
        text: The spoilt file.
        line: Where it must be told; 0 where nobody can know.
        right: What it was before, where it is a misspelling.
        what: The mistake, for people.
    """

    file: str
    kind: str
    text: str
    line: int
    right: str = ""
    what: str = ""


@cache
def sources() -> tuple[tuple[str, str], ...]:
    """Names and texts of the files that are right."""
    paths = [*sorted(ROOT.glob("recipes/*/run.yaml")), *sorted(HERE.glob("*.yaml"))]
    return tuple((f"{p.parent.name}/{p.name}", p.read_text()) for p in paths)


@cache
def outcome(text: str) -> Run | RunFileError:
    """What becomes of a file; anything else that is raised is a defect."""
    try:
        return finish(read_yaml(text, "run.yaml"))
    except RunFileError as error:
        return error


def other_mistakes(seed: int) -> list[Mutation]:
    """Every sort of mistake but misspellings, in every file."""
    rng = random.Random(seed)
    return [m for name, text in sources() for make in OTHERS for m in make(name, text, rng)]


def misspellings(seed: int, count: int) -> list[Mutation]:
    """Slips of one letter in keys, names of parts and values from a closed set, drawn evenly over words."""
    rng = random.Random(seed)
    found: list[Mutation] = []
    sites = [(name, text, *site) for name, text in sources() for site in _words(text)]
    while len(found) < count:
        name, text, place, word, kind = rng.choice(sites)
        slip = misspelt(word, rng)
        if not isinstance(
            outcome(spoilt := _replaced(text, place, word, slip)), Run
        ):  # else it is right as well
            what = f"{word} -> {slip}"
            found.append(Mutation(file=name, kind=kind, text=spoilt, line=place.line, right=word, what=what))
    return found


def misspelt(word: str, rng: random.Random) -> str:
    """The word with one random edit of a letter."""
    letters = [i for i, c in enumerate(word) if c.isalpha()]
    while True:
        i, edit = rng.choice(letters), rng.choice(EDITS)
        new = rng.choice(string.ascii_lowercase)
        changed = {
            "delete": word[:i] + word[i + 1 :],
            "insert": word[:i] + new + word[i:],
            "replace": word[:i] + new + word[i + 1 :],
            "swap": word[:i] + word[i : i + 2][::-1] + word[i + 2 :],
        }[edit]
        if changed not in ("", word) and changed.strip() == changed:
            return changed


@cache
def _words(text: str) -> tuple[tuple[Place, str, str], ...]:
    """Every word of a file that could be misspelt: its place, itself, and what it is."""
    document = read_yaml(text, "run.yaml")
    found: list[tuple[Place, str, str]] = []
    for path, spot in document.spots.items():
        if not path:
            continue
        own = path[:-1] in OWN_NAMES and not {"type", "@type"} & set(document.get(path[:-1]))
        if isinstance(path[-1], str) and not own:
            found.append((spot.key, path[-1], "key"))
        if kind := _closed(text, document, path):
            found.append((spot.value, _written(text, spot.value, document.get(path)), kind))
    return tuple(f for f in found if sum(map(str.isalpha, f[1])) > 1)


def _closed(text: str, document: Document, path: KeyPath) -> str:
    """What a value is if only certain ones are right there, found by trying one that cannot be."""
    value = document.get(path)
    if not isinstance(value, (str, bool)):
        return ""
    place = document.spots[path].value
    error = outcome(_replaced(text, place, _written(text, place, value), "zyzzyva"))
    told = [p for p in error.problems if p.place == place] if isinstance(error, RunFileError) else []
    if told and (told[0].allowed or "duration" in told[0].rule):
        return "part" if told[0].rule.startswith("no ") else "value"
    return ""


def _written(text: str, place: Place, value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _replaced(text: str, place: Place, old: str, new: str) -> str:
    lines = text.splitlines(keepends=True)
    line, at = lines[place.line - 1], place.column - 1
    at += line[at : at + 1] in ("'", '"')
    assert line[at:].startswith(old), (line, at, old)
    lines[place.line - 1] = line[:at] + new + line[at + len(old) :]
    return "".join(lines)


def _wrong_types(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Numbers, truths and lists that became something else. What is right all the same is left out."""
    document = read_yaml(text, "run.yaml")
    for path, spot in document.spots.items():
        value = document.get(path)
        if not path or not isinstance(value, (int, float)):
            continue
        lines = text.splitlines(keepends=True)
        line, at = lines[spot.value.line - 1], spot.value.column - 1
        end = at + len(line[at:].split(",")[0].split("}")[0].split("]")[0].split("#")[0].rstrip())
        for wrong in rng.sample(["[1, 2]", "{a: 1}", "many", "'3'", "true", "-7.5", ".nan"], 5):
            lines[spot.value.line - 1] = line[:at] + wrong + line[end:]
            if not isinstance(outcome(spoilt := "".join(lines)), Run):
                what = f"{dotted(path)}: {wrong}"
                yield Mutation(file=name, kind="type", text=spoilt, line=spot.value.line, what=what)


def _impossible(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Settings that cannot go together, written into the file anew."""
    for what, (values, key) in COMBINATIONS.items():
        document = read_yaml(text, "run.yaml")
        for path, value in values.items():
            _put(document.tree, path.split("."), value)
        spoilt = written(document.tree)
        words = tuple(int(word) if word.isdigit() else word for word in key.split("."))
        line = read_yaml(spoilt, "run.yaml").place(words).line
        yield Mutation(file=name, kind="combination", text=spoilt, line=line, what=what)


def _put(tree: Any, words: Sequence[str], value: Any) -> None:
    for word in words[:-1]:
        tree = tree.setdefault(word, {})
    tree[words[-1]] = value


def written(tree: Any) -> str:
    """A tree as YAML in block style."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(tree, text)
    return text.getvalue()


def _missing(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Keys that are needed and gone; told where the section begins that should have them."""
    document = read_yaml(text, "run.yaml")
    for path in [p for p in document.spots if p and isinstance(p[-1], str)]:
        parent = read_yaml(text, "run.yaml")
        del parent.get(path[:-1])[path[-1]]
        spoilt = written(parent.tree)
        error = outcome(spoilt)
        if isinstance(error, RunFileError) and error.problems[0].rule.endswith("is missing"):
            line = read_yaml(spoilt, "run.yaml").place(path).line
            yield Mutation(file=name, kind="missing", text=spoilt, line=line, what=dotted(path))


def _syntax(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Tabs, doubled lines, lost colons, unclosed brackets and quotes, keys with `@`."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        indented, entry = line.startswith(" "), not bare.startswith("- ")
        spoils = {
            "tab": "\t" + bare if indented and entry else "",
            "double": f"{line}\n{line}"
            if entry and not bare.endswith((":", ":'")) and bare[0] != "-"
            else "",
            "type": line.replace("type:", "@type:", 1) if "type:" in line and '"@type' not in line else "",
            "bracket": line.replace("}", "", 1) if line.count("}") == 1 and "${" not in line else "",
        }
        for what, spoilt in spoils.items():
            if spoilt:
                at = {"double": i + 2, "tab": i + 1, "type": i + 1}.get(what, 0)
                changed = "\n".join([*lines[:i], spoilt, *lines[i + 1 :]]) + "\n"
                yield Mutation(file=name, kind="syntax", text=changed, line=at, what=f"{what}, line {i + 1}")


def _noise(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Characters lost, added and exchanged anywhere; nothing is asked but an answer."""
    for _ in range(25):
        at = rng.randrange(len(text))
        new = rng.choice("{}[]:,#&*!|>'\"%@`-\t\n \\\0\x7fé€\U0001f600aZ09$~")
        changed = rng.choice(
            [text[:at] + text[at + 1 :], text[:at] + new + text[at:], text[:at] + new + text[at + 1 :]]
        )
        yield Mutation(file=name, kind="noise", text=changed, line=0, what=f"{new!r} at {at}")


def _odd(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """Nodes of any shape anywhere; nothing is asked but an answer."""
    for _ in range(25):
        document = read_yaml(text, "run.yaml")
        path = rng.choice([p for p in document.spots if p])
        document.get(path[:-1])[path[-1]] = odd = rng.choice(ODD)
        what = f"{dotted(path)}: {odd!r}"
        yield Mutation(file=name, kind="noise", text=written(document.tree), line=0, what=what)


def _files(name: str, text: str, rng: random.Random) -> Iterator[Mutation]:
    """A file to extend that is not there. Only files can extend, so the test writes them."""
    yield Mutation(
        file=name, kind="file", text=f"{text}extends: nowhere.yaml\n", line=len(text.splitlines()) + 1
    )


OTHERS = (_wrong_types, _impossible, _missing, _syntax, _noise, _odd, _files)
