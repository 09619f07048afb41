"""The checkpoints of one repeat: written whole, entered with their digest, and never believed without it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leyden.runs import atomic
from leyden.runs.digesting import Digesting
from leyden.runs.entry import Entry
from leyden.runs.retention import Retention
from leyden.spec.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Found:
    """What there is to go on from.

    Args:
        entry: The newest checkpoint that is intact, or None.
        damaged: Newer files that are not, each with what is wrong with it.
    """

    entry: Entry | None
    damaged: tuple[str, ...] = ()


class CheckpointIndex:
    """``index.json`` of a checkpoint folder, and the files it names; any other file is as good as absent.

    Args:
        folder: The checkpoint folder of one repeat; made when the first checkpoint is written.
        retention: Which checkpoints to keep.
    """

    def __init__(self, folder: Path, retention: Retention | None = None) -> None:
        self.folder = folder
        self.retention = retention or Retention()
        self.file = folder / "index.json"

    def entries(self) -> list[Entry]:
        """Every entry, in the order in which they were written.

        Raises:
            DataError: the index and the one before it are both damaged.
        """
        return self._entries()[0]

    def _entries(self) -> tuple[list[Entry], str]:
        """The entries, and what is wrong with the index if they are of the one before it."""
        if not self.file.exists():
            return [], ""
        try:
            return _read(self.file), ""
        except DataError as error:
            if not self._previous.exists():
                raise
            # it may name files that are gone; `newest_good` passes over these
            return _read(self._previous), str(error)

    def save(
        self,
        data: bytes | Callable[[Digesting], object],
        *,
        step: int,
        metrics: Mapping[str, float],
        finite: bool = True,
    ) -> Entry:
        """Write a checkpoint, enter it, and remove those that the retention gives up.

        Old files go last: after the new one has been read back and the index no longer names them. Whenever
        the process is killed, the index on disk names whole files only.

        Args:
            data: The file's bytes, or what writes them.
            step: Optimizer steps completed.
            metrics: The newest value of everything measured.
            finite: Whether the weights are finite.

        Raises:
            OSError: it cannot be written, or reads back differently. The checkpoints before it are untouched.
        """
        atomic.sweep(self.folder)
        entries, before = self.entries(), self._before()
        name = _free_name(step, {entry.file for entry in entries})
        with atomic.replacing(self.folder / name) as temporary, temporary.open("wb") as opened:
            file = Digesting(opened)
            _fill(file, data)
        entry = Entry(
            step=step,
            file=name,
            sha256=file.sha256,
            bytes=file.bytes,
            metrics=dict(metrics),
            finite=finite,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if why := self.problem(entry):
            raise OSError(f"checkpoint {self.folder / name} does not read back as it was written: {why}")
        kept = self._enter([*(old for old in entries if old.step != step), entry])
        for old in [
            *before,
            *entries,
        ]:  # those of before, because a kill may have come between index and deleting
            if old.file not in kept:
                self.path(old).unlink(missing_ok=True)
        return kept[name]

    def newest_good(self, finite: bool = False) -> Found:
        """The newest checkpoint whose bytes have their digest, and what is wrong with any newer ones.

        Args:
            finite: Pass over checkpoints with weights that are not finite.
        """
        entries, problem = self._entries()
        damaged = [problem] if problem else []
        for entry in reversed([entry for entry in entries if entry.finite or not finite]):
            if not (why := self.problem(entry)):
                return Found(entry=entry, damaged=tuple(damaged))
            damaged.append(f"{self.path(entry)}: {why}")
        return Found(entry=None, damaged=tuple(damaged))

    def best(self) -> Entry | None:
        """The best checkpoint by the monitor, or the newest without one; None where there is none."""
        ranked = self.retention.ranked(self.entries())
        return ranked[0] if ranked else None

    def problem(self, entry: Entry) -> str:
        """What is wrong with the file of an entry; empty if it is intact."""
        path = self.path(entry)
        if not path.is_file():
            return "the file is missing"
        if (size := path.stat().st_size) != entry.bytes:
            return f"it has {size} bytes instead of {entry.bytes}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != entry.sha256:
            return f"its SHA-256 is {digest[:8]}... instead of {entry.sha256[:8]}..."
        return ""

    def path(self, entry: Entry) -> Path:
        """Where the checkpoint of an entry is."""
        return self.folder / entry.file

    @property
    def _previous(self) -> Path:
        return self.folder / "index.previous.json"

    def _before(self) -> list[Entry]:
        """The entries of the index before this one, if it can be read."""
        try:
            return _read(self._previous)
        except (FileNotFoundError, DataError):
            return []

    def _enter(self, entries: list[Entry]) -> dict[str, Entry]:
        reasons = self.retention.reasons(entries)
        kept = {e.file: replace(e, kept=reasons[e.file]) for e in entries if e.file in reasons}
        if self.file.exists():
            self._previous.write_bytes(
                self.file.read_bytes()
            )  # a second chance, so not worth waiting for the disk
        checkpoints = [entry.tree() for entry in kept.values()]
        atomic.write_json(
            self.file, {"format": 1, "checkpoints": checkpoints, "sha256": _digest(checkpoints)}
        )
        self._point_last(entries[-1])
        return kept

    def _point_last(self, entry: Entry) -> None:
        """``last.ckpt``, for people and other programs; nothing here reads it."""
        temporary = self.folder / f".last.ckpt.{os.getpid()}.tmp"
        with suppress(OSError):  # a file system without links
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(entry.file)
            os.replace(temporary, self.folder / "last.ckpt")


def _fill(file: Digesting, data: bytes | Callable[[Digesting], object]) -> None:
    try:
        file.write(data) if isinstance(data, bytes) else data(file)
    except Exception as error:
        raise file.error or error from None


def _read(file: Path) -> list[Entry]:
    tree = atomic.read_json(file)
    try:
        entries = [Entry.from_tree(entry) for entry in tree["checkpoints"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{file} must list checkpoints, but an entry is damaged ({error!r}); restore it"
        ) from None
    if tree.get("sha256") != _digest(tree["checkpoints"]):
        raise DataError(
            f"{file} must be as it was written, but its entries do not have its digest; restore it"
        )
    return entries


def _digest(checkpoints: list[Any]) -> str:
    """Of the entries: a flipped bit in a number would still be JSON."""
    text = json.dumps(atomic.strict(checkpoints), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _free_name(step: int, taken: set[str]) -> str:
    """A name that no entry has: until the next index is on disk, its files may be all that there is."""
    name, number = f"step={step}.ckpt", 1
    while name in taken:
        number += 1
        name = f"step={step}-{number}.ckpt"
    return name
