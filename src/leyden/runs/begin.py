"""What a run writes into its folder before it begins, and when it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leyden.runs import atomic, manifest
from leyden.runs.folder import RunFolder
from leyden.runs.overridden import overridden
from leyden.spec.remarks import sign
from leyden.spec.secrets import masked
from leyden.spec.yaml_lines import yaml_lines

if TYPE_CHECKING:
    from leyden.spec.run import Run


def begin(folder: RunFolder, run: Run, data: Mapping[str, str]) -> None:
    """Write run file, resolved file and manifest; into a folder with a begun run, only what changed since.

    Args:
        folder: The folder; its lock must be held.
        run: The run.
        data: Fingerprint of each dataset by its role.
    """
    atomic.sweep(folder.path)
    now = manifest.environment(run.path.absolute().parent, data)
    if folder.exists:
        _note_changes(folder, now)
        return
    if run.path.is_file():
        given = folder.path / f"run{run.path.suffix}"
        text = run.path.read_bytes().decode(errors="surrogateescape")
        text = masked(text, run.path.suffix) + _overrides(run)
        atomic.write_bytes(given, text.encode(errors="surrogateescape"))
    atomic.write_text(folder.resolved, resolved_text(run))
    summary = {
        "name": run.name,
        "seed": run.seed,
        "repeats": run.repeats,
        "digest": run.digest(),
        "checkpoint": {
            key: run.tree()["checkpoint"][key] for key in ("monitor", "mode", "save_top_k", "save_last")
        },
    }
    atomic.write_json(folder.environment, {"run": summary, **now})


def resolved_text(run: Run) -> str:
    """The run with every default, as YAML 1.2 that loads to an equal run."""
    head = "# Every setting of this run. It is a run file itself: leyden train resolved.yaml\n\n"
    return head + "".join(f"{line}\n" for line, _ in yaml_lines(run.tree()))


def _overrides(run: Run) -> str:
    """A remark with the values that came from elsewhere than the file; empty if there are none."""
    begins, given = sign(run.path.suffix), overridden(run)
    if not begins or not given:
        return ""
    lines = [
        f"{begins} {key}: {_value(run.tree(), key)}  (from {origin})" for key, origin in sorted(given.items())
    ]
    return "\n".join(["", f"{begins} Set from outside of this file:", *lines, ""])


def _value(tree: Any, key: str) -> Any:
    for word in key.split("."):
        tree = (
            tree[int(word)] if isinstance(tree, list) else tree.get(word) if isinstance(tree, dict) else None
        )
    return tree


def _note_changes(folder: RunFolder, now: Mapping[str, Any]) -> None:
    """Going on is noted with what differs from the beginning; a change of code or data is thus never lost."""
    told = atomic.read_json(folder.environment)
    before = {key: value for key, value in told.items() if key not in ("run", "resumed")}
    note = {"time": now["time"], "changed": manifest.changes(before, now)}
    atomic.write_json(folder.environment, {**told, "resumed": [*told.get("resumed", []), note]})
