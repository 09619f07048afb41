"""Copies that are made beside the loop, while nothing writes what they are made of."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from typing import Any

import torch
from torch import Tensor

from .content import At, place_of


class ChangedError(RuntimeError):
    """A tensor was written before its copy was known to be made; the copies are of no one step."""


class Deferred:
    """Copies that a writer makes in `make`, and that the loop waits for in `release`.

        loop     save: promise -+-- forward, backward --+-- release -- update, which writes the sources
        writer                  +-- make -- write ------+-- check -- enter

    Every tensor counts its changes, so a broken promise is noticed: by the loop as it releases, or by a
    writer that is done before.
    """

    def __init__(self) -> None:
        self._sources: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._places: list[At] = []
        self._versions: list[int] = []
        self._began: dict[torch.device, Any] = {}  # events on accelerators
        self._ended: dict[torch.device, Any] = {}
        self._made = Event()
        self._released = False
        self._changed = ""

    def promise(self, source: Tensor, copy: Tensor, at: At) -> None:
        """Have ``source`` copied into ``copy``; nothing writes it before `release`."""
        self._sources.append(source)
        self._copies.append(copy)
        self._places.append(at)
        self._versions.append(source._version)

    def begin(self, devices: set[torch.device]) -> None:
        """Nothing else is promised. What accelerators have queued so far comes before any copy."""
        self._began = {device: torch.cuda.current_stream(device).record_event() for device in devices}

    def make(self) -> None:
        """Make the copies, and wait for those that accelerators had queued before `begin`; for a thread."""
        try:
            with ExitStack() as streams:
                for device, event in self._began.items():
                    stream = torch.cuda.Stream(device)
                    streams.enter_context(torch.cuda.stream(stream))
                    stream.wait_event(event)
                # in one call, so that the interpreter is the loop's meanwhile
                if self._sources:
                    torch._foreach_copy_(self._copies, self._sources, non_blocking=True)
                self._ended = {d: torch.cuda.current_stream(d).record_event() for d in self._began}
        finally:
            self._made.set()
        for event in self._ended.values():
            event.synchronize()

    def release(self) -> None:
        """Wait until the sources may be written; an accelerator's own queue waits, the host does not."""
        if not self._sources:  # nothing was promised, or it is released
            return
        self._made.wait()
        for device, event in self._ended.items():
            torch.cuda.current_stream(device).wait_event(event)
        self._changed = self._first_changed()
        self._released = True
        self._sources = []

    def check(self) -> None:
        """Raise if a source has changed before `release`, or up to now.

        Raises:
            ChangedError: one has; the message names it.
        """
        changed = self._first_changed()
        if self._released:  # meanwhile, perhaps; sources may have been written rightly since then
            changed = self._changed
        if changed:
            raise ChangedError(
                f"{changed} was written while it was copied, and not by the optimizer's update; from now on "
                "every save waits for all of its copies"
            )

    def _first_changed(self) -> str:
        told = zip(self._sources, self._versions, self._places, strict=False)
        return next((place_of(at) for source, version, at in told if source._version != version), "")
