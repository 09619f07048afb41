"""The runs under a folder, for ``leyden ls``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leyden.runs import atomic
from leyden.runs.folder import RunFolder
from leyden.runs.results import Row, Spread, spreads
from leyden.spec.errors import DataError

#: a root, a project, an experiment or a run folder itself
DEPTHS = ("project_*/experiment_*/group_*", "experiment_*/group_*", "group_*", ".")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One run in the list.

    Args:
        path: Its folder.
        name: Name of the run.
        status: ``running``, ``interrupted``, ``failed``, ``finished``, or ``damaged``.
        begun: When it began, ISO 8601 in UTC.
        repeats: How many repeats it is to have.
        done: How many are done.
        steps: Optimizer steps completed, over all repeats.
        seconds: Time spent, over all repeats.
        metric: The metric that tells how good it is: the monitored one, else the validation loss or what
            there is.
        value: The metric over the repeats that are done: of the best checkpoint where it is monitored, else
            of the end.
        note: Why it failed or stopped.
    """

    path: Path
    name: str
    status: str
    begun: str = ""
    repeats: int = 0
    done: int = 0
    steps: int = 0
    seconds: float = 0.0
    metric: str = ""
    value: Spread | None = None
    note: str = ""


def runs_under(root: Path) -> list[Listed]:
    """Every run in ``root``, the newest first. A damaged folder is listed as such and hides no other."""
    return sorted((_listed(folder) for folder in _folders(root)), key=lambda run: run.begun, reverse=True)


def _folders(root: Path) -> Iterator[RunFolder]:
    for depth in DEPTHS:
        for path in sorted(root.glob(depth)) if depth != "." else [root]:
            if RunFolder(path).exists:
                yield RunFolder(path)


def _listed(folder: RunFolder) -> Listed:
    try:
        told = atomic.read_json(folder.environment)
        rows, status = folder.rows(), folder.status
        metric, value = _score(rows, told["run"]["checkpoint"]["monitor"])
        return Listed(
            path=folder.path,
            name=told["run"]["name"],
            status=status,
            begun=told["time"],
            repeats=told["run"]["repeats"],
            done=sum(row.is_done for row in rows),
            steps=sum(_steps(folder, repeat, rows) for repeat in range(told["run"]["repeats"])),
            seconds=math.fsum(row.seconds for row in rows),
            metric=metric,
            value=value,
            note="; ".join(row.reason for row in rows if row.reason),
        )
    except (DataError, KeyError, TypeError, ValueError) as error:
        return Listed(path=folder.path, name=folder.path.name, status="damaged", note=str(error))


def _steps(folder: RunFolder, repeat: int, rows: Sequence[Row]) -> int:
    """Steps of a repeat: as its row says, or as far as its newest checkpoint."""
    entries = folder.index(repeat).entries()
    told = [row.steps for row in rows if row.repeat == repeat]
    return max([*told, *(entry.step for entry in entries[-1:])], default=0)


def _score(rows: Sequence[Row], monitor: str | None) -> tuple[str, Spread | None]:
    over = spreads(rows)
    best = [row.best for row in rows if row.is_done and row.best is not None]
    if monitor and best:
        values = [Row(repeat=0, seed=0, status="finished", metrics={monitor: each["value"]}) for each in best]
        return monitor, spreads(values)[monitor]
    names = [monitor, "val/loss", *(name for name in over if name.startswith("val/")), "train/loss"]
    name = next((name for name in names if name in over), "")
    return name or "", over.get(name or "")
