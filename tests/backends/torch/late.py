"""Copies of checkpoints at the last moment: not before the loop waits for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch
from torch import Tensor

from leyden.backends.torch import staging
from leyden.backends.torch.content import At, place_of, plain
from leyden.backends.torch.deferred import Deferred
from leyden.backends.torch.saver import Saver
from leyden.runs.folder import RunFolder
from tests.backends.torch.death import differences


class Late:
    """Lets a writer make no copy before the loop waits, and knows what each should have been.

    Whoever writes a tensor without waiting for its copy is thus found out, however fast the writer is.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.borders: list[dict[str, Any]] = []  # every save's content, copied there and then
        self.promised: set[str] = set()  # places of all tensors whose copies came later
        make, release, promise = Deferred.make, Deferred.release, Deferred.promise
        asked: WeakKeyDictionary[Deferred, Event] = WeakKeyDictionary()
        late = self

        def make_late(self: Deferred) -> None:
            if self in asked:
                asked[self].wait()
            make(self)

        def ask(later: Deferred) -> None:
            if later in asked:
                asked[later].set()

        def release_and_ask(self: Deferred) -> None:
            ask(self)
            release(self)

        def note_promise(self: Deferred, source: Tensor, copy: Tensor, at: At) -> None:
            late.promised.add(place_of(at))
            asked.setdefault(self, Event())
            promise(self, source, copy, at)

        wait, copy = Saver.wait, staging.Staging.copy

        def wait_and_ask(self: Saver) -> bool:
            # what is not released by now never will be
            ask(self._later)
            return wait(self)

        def copy_and_note(self: staging.Staging, tree: Any, steady: Iterable[Tensor] = ()) -> Any:
            late.borders.append(plain(tree, lambda tensor, at: tensor.clone()))
            return copy(self, tree, steady)

        patch.setattr(Deferred, "make", make_late)
        patch.setattr(Deferred, "release", release_and_ask)
        patch.setattr(Deferred, "promise", note_promise)
        patch.setattr(Saver, "wait", wait_and_ask)
        patch.setattr(staging.Staging, "copy", copy_and_note)

    def differences(self, folder: Path) -> list[str]:
        """Where checkpoints on disk are not what the borders were, bit by bit; every one must be there."""
        index = RunFolder(folder).index(0)
        files = {e.step: torch.load(index.path(e), weights_only=True) for e in index.entries()}
        borders = {content["leyden"]["session"]["position"]["step"]: content for content in self.borders}
        assert files.keys() == borders.keys()
        return [found for step in files for found in differences(borders[step], files[step], f"step {step}")]
