"""Which folder a run goes into: a new one, or the one where it stopped.

    resolved.yaml (or run.yaml) of a run folder, same settings, not finished  -> goes on there
    group_<g>, group_<g>-2, group_<g>-3 ... with the same settings:
        one that is not finished                                              -> goes on there
        a finished one                                                        -> that one: nothing to do
        a finished one, but ``fresh``, or trained from a run folder's file    -> the next number
    one with other settings (a group named by hand)                           -> the next number

What has finished is never written again, and settings never meet the checkpoints of others.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from leyden.runs.folder import RunFolder, home
from leyden.runs.overridden import overridden

if TYPE_CHECKING:
    from leyden.spec.run import Run


def place(run: Run, *, fresh: bool = False) -> RunFolder:
    """The folder that ``run`` goes into. Writes nothing.

    Args:
        run: The run.
        fresh: Begin anew, beside what is there.
    """
    origin = _origin(run)
    if origin is not None and not fresh and _goes_on(origin, run):
        return origin
    # The root in the file may be relative to another current folder, so where the folder is counts.
    first = home(run) if origin is None else origin.path.parent / f"group_{run.group}"
    finished: RunFolder | None = None
    for number in count(1):
        folder = RunFolder(first if number == 1 else first.with_name(f"{first.name}-{number}"))
        if not folder.exists:
            return folder if finished is None or fresh or origin is not None else finished
        if not fresh and _goes_on(folder, run):
            return folder
        if folder.summary["digest"] == run.digest():
            finished = folder
    raise AssertionError("unreachable")


def _goes_on(folder: RunFolder, run: Run) -> bool:
    return folder.summary.get("digest") == run.digest() and folder.status != "finished"


def _origin(run: Run) -> RunFolder | None:
    """The run folder whose file is trained from, if it is one and no other place is asked for."""
    folder = RunFolder(run.path.absolute().parent)
    if any(key.startswith("folder.") for key in overridden(run)):
        return None
    return folder if folder.path.name.startswith("group_") and folder.exists else None
