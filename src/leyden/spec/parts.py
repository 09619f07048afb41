"""Parts: what a run file can name, and how a signature becomes a schema.

A part is a class or a function registered under a name in a room. Parameters right of ``*`` are set from the run
file: their annotations, defaults and ``Args:`` lines become schema, errors, catalogue and editor help. Parameters left
of ``/`` are handed over by the program.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

#: kind -> the package whose files are its parts, one file a part, named as the part is
ROOMS = {
    "source": "leyden.data.sources",
    "split": "leyden.data.splits",
    "sampler": "leyden.data.samplers",
    "transform": "leyden.data.transforms",
    "model": "leyden.models",
    "task": "leyden.tasks",
    "loss": "leyden.losses",
    "metric": "leyden.metrics",
    "optimizer": "leyden.optim",
    "schedule": "leyden.schedules",
    "callback": "leyden.callbacks",
    "tracker": "leyden.trackers",
    "launcher": "leyden.launch",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One registered class or function and what the registration said about it."""

    kind: str
    name: str
    target: Callable[..., Any]
    runs_on: tuple[str, ...]
    requires: tuple[str, ...]
    extra: str | None


@dataclass
class Kind:
    """One open set of parts, e.g. every loss. Calling it gives the decorator that registers one."""

    name: str
    machinery: tuple[str, ...] = ()  # modules of the room that hold no part
    parts: dict[str, Part] = field(default_factory=dict[str, Part])

    def __call__(
        self,
        name: str,
        *,
        runs_on: Sequence[str] = ("torch", "jax"),
        requires: Sequence[str] = (),
        extra: str | None = None,
    ) -> Callable[[T], T]:
        def register(target: T) -> T:
            assert callable(target)
            self.parts[name] = Part(
                kind=self.name, name=name, target=target, runs_on=tuple(runs_on), requires=tuple(requires), extra=extra
            )
            return target

        return register

    def contract(self, cls: type[T]) -> type[T]:
        """Class decorator: a signature that is annotated with ``cls`` takes any part of this kind."""
        CONTRACTS[cls] = self
        return cls

    def names(self) -> list[str]:
        """Every name of this kind: files of the room, without importing them, and what plug-ins registered."""
        room = importlib.util.find_spec(ROOMS[self.name])  # type: ignore[attr-defined]
        folder = Path(room.origin).parent
        files = {m.name for m in pkgutil.iter_modules([str(folder)]) if not m.ispkg and not m.name.startswith("_")}
        return sorted((files - {self.name, *self.machinery}) | self.parts.keys())


CONTRACTS: dict[type, Kind] = {}
