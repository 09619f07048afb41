"""What a disk may hold after the power failed: only what was synced is certain, in files and in folders.

A file lasts with the bytes of its last fsync, a name once its folder was synced. Of all else that was done to
the disk, a file system may have kept every part or none, in any order.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: what becomes of a name or of bytes that were not synced
NOTHING_KEPT, ALL_KEPT, SOME_KEPT = "nothing kept", "all kept", "some kept"
LOSSES = (NOTHING_KEPT, ALL_KEPT, SOME_KEPT)


@dataclass(eq=False)
class Node:
    """A file, a link or a folder.

    Args:
        handle: Open, so that its number is not given to another file; -1 for a link.
        target: Of a link.
        bytes: Certain content of a file, None before its first fsync.
        names: Certain names of a folder.
    """

    handle: int
    target: str = ""
    bytes: bytes | None = None
    names: dict[str, Node] = field(default_factory=dict["str", "Node"])

    @property
    def is_folder(self) -> bool:
        return self.handle >= 0 and os.path.isdir(f"/proc/self/fd/{self.handle}")

    def content(self) -> bytes:
        """What a file holds now."""
        return os.pread(self.handle, os.fstat(self.handle).st_size, 0)


class Disk:
    """While entered, follows what is certain in a folder, and calls ``act`` at the n-th fsync.

    Args:
        folder: Where everything is; it exists.
        at: Number of an fsync; None to count only.
        act: What to do before it.
    """

    def __init__(self, folder: Path, at: int | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.folder, self.at, self.act = folder, at, act
        self.count = 0
        self._nodes: dict[tuple[int, int], Node] = {}
        self._lock = threading.RLock()  # the loop and the writer both sync
        self.root = self._node(folder)

    def __enter__(self) -> Disk:
        self._fsync = os.fsync
        os.fsync = self._synced
        return self

    def __exit__(self, *error: object) -> None:
        os.fsync = self._fsync

    def _synced(self, handle: int) -> None:
        with self._lock:
            if self.count == self.at:
                self.act()
            self.count += 1
            self._fsync(handle)
            path = Path(f"/proc/self/fd/{handle}")  # a file may have lost its name meanwhile
            if not path.readlink().is_relative_to(self.folder):
                return
            node = self._of(os.fstat(handle), path)
            if node.is_folder:
                node.names = self._now(path.readlink())
            else:
                node.bytes = node.content()

    def _node(self, path: Path) -> Node:
        if path.is_symlink():
            return Node(-1, target=os.readlink(path))
        return self._of(path.stat(), path)

    def _of(self, told: os.stat_result, path: Path) -> Node:
        key = (told.st_dev, told.st_ino)
        if key not in self._nodes:
            self._nodes[key] = Node(os.open(path, os.O_RDONLY))
        return self._nodes[key]

    def _now(self, folder: Path) -> dict[str, Node]:
        """The names in a folder as they are at this moment."""
        found: dict[str, Node] = {}
        for path in folder.iterdir():
            try:
                found[path.name] = self._node(path)
            except FileNotFoundError:  # a temporary file of another thread
                continue
        return found

    def after_power_loss(self, to: Path, loss: str, rng: random.Random) -> None:
        """Write what may be left of the folder into ``to``, which is made."""
        with self._lock:
            self._leave(self.root, self.folder, to, loss, rng)

    def _leave(self, node: Node, path: Path | None, to: Path, loss: str, rng: random.Random) -> None:
        """One folder; ``path`` is where it is now, if it still is."""
        to.mkdir()
        now = self._now(path) if path is not None else {}
        for name in sorted({*node.names, *now}):
            keeps = {NOTHING_KEPT: False, ALL_KEPT: True, SOME_KEPT: rng.random() < 0.5}[loss]
            kept = (now if keeps else node.names).get(name)
            if kept is None:
                continue
            if kept.is_folder:
                here = path / name if path is not None and now.get(name) is kept else None
                self._leave(kept, here, to / name, loss, rng)
            elif kept.target:
                (to / name).symlink_to(kept.target)
            else:
                (to / name).write_bytes(_left(kept, loss, rng))
                os.utime(to / name, (0, 0))  # a machine takes its time to start again


def _left(file: Node, loss: str, rng: random.Random) -> bytes:
    """What may be left of a file's bytes."""
    now = file.content()
    if file.bytes == now or loss == ALL_KEPT:
        return now
    certain = file.bytes or b""
    if loss == NOTHING_KEPT:
        return certain
    sure = len(certain) if now.startswith(certain) else 0  # what was appended to stays
    torn = now[: rng.randrange(sure, len(now) + 1)]
    return rng.choice((certain, torn, torn + bytes(len(now) - len(torn))))


def restored(left: Path, folder: Path) -> None:
    """Put what was left in the place of ``folder``."""
    shutil.rmtree(folder)
    left.rename(folder)
