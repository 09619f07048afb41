"""Trains a finished run again, and says whether the same weights come out, or why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leyden.main.train import train
from leyden.runs import atomic, manifest
from leyden.runs.folder import RunFolder
from leyden.spec import UserError, load

#: what a manifest's keys begin with -> what that is, the likeliest reasons first
REASONS = {
    "data.": "the data",
    "leyden": "Leyden",
    "git.commit": "the code beside the run file",
    "packages.torch": "torch",
    "packages.lightning": "Lightning",
    "packages.numpy": "numpy",
    "python": "Python",
    "machine.gpus": "the graphics cards or their driver",
    "machine.cpu": "the processor",
    "machine.system": "the operating system",
    "variables.": "a variable of the environment",
    "packages.": "a package",
}


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """One repeat, then and now: the SHA-256 of its final weights."""

    repeat: int
    then: str
    now: str

    @property
    def same(self) -> bool:
        """Whether the weights are equal bit by bit."""
        return self.then == self.now


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """How training again went.

    Args:
        repeats: Those that were finished then.
        reasons: What differs between then and now, the likeliest reason first; empty where all is the same.
    """

    repeats: Sequence[Repeat]
    reasons: Sequence[str]

    @property
    def same(self) -> bool:
        """Whether every repeat gave the same weights."""
        return all(repeat.same for repeat in self.repeats)


def reproduce(folder: RunFolder, scratch: Path, *, allow_imports: bool = False) -> Reproduction:
    """Train the run of ``folder`` again, in ``scratch``; what is in ``folder`` is only read.

    Raises:
        UserError: there is no run in ``folder``, or none of its repeats was finished.
        RunFileError: its run file is not valid any more.
        DataError: its data is not there any more.
    """
    if not folder.exists:
        raise UserError(f"{folder.path} must be a run folder, but it has no environment.json")
    done = {row.repeat: row for row in folder.rows() if row.is_done}
    if not done:
        raise UserError(
            f"{folder.path} must have a finished repeat to compare with; train it to its end first"
        )
    # trackers do not change numbers, and a server need not hear of this
    words = (f"folder.root={scratch.absolute()}", "trackers=[]")
    run = load(folder.resolved, words, allow_imports=allow_imports, environ={})
    result = train(run, fresh=True, allow_imports=allow_imports)
    now = {row.repeat: row.weights_sha256 for row in result.rows}
    repeats = [
        Repeat(repeat=repeat, then=row.weights_sha256, now=now.get(repeat, ""))
        for repeat, row in done.items()
    ]
    if all(repeat.same for repeat in repeats):
        return Reproduction(repeats=repeats, reasons=())
    then, again = atomic.read_json(folder.environment), atomic.read_json(result.folder.environment)
    return Reproduction(repeats=repeats, reasons=reasons(then, again))


def reasons(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two manifests that can change numbers, each in a sentence, the likeliest first."""
    changed = manifest.changes(_recorded(then), _recorded(now))
    found = [f"{what} is not what it was" for what in _in_words(changed)]
    for resumed in then.get("resumed", []):
        words = ", ".join(_in_words(resumed["changed"]))
        if words:
            found.append(
                f"the run itself went on at {resumed['time']} with other things than it began with: {words}"
            )
    if found:
        return found
    return [
        "nothing that is recorded differs, so the numbers depend on something else: kernels without a fixed "
        "order of additions (set trainer.deterministic: true), trainer.max_time, or code of the run that "
        "draws from a clock or from the network"
    ]


def _recorded(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in ("run", "resumed", "time")}


def _in_words(changed: Mapping[str, Sequence[Any]]) -> list[str]:
    """Those changes that can matter, in the order of `REASONS`; an unknown commit is none."""
    found: dict[str, str] = {}
    for prefix, what in REASONS.items():
        for key, (before, after) in changed.items():
            known = (before is not None and after is not None) or not key.startswith("git.")
            if key.startswith(prefix) and key not in found and known:
                found[key] = f"{what} ({key}: {before} then, {after} now)"
    return list(found.values())
