"""Parts: what a run file can name, and where each one is found.

A part is a class or a function registered under a name in a room. Parameters right of ``*`` are set from the
run file: their annotations, defaults and ``Args:`` lines become schema, errors, catalogue and editor help.
Parameters left of ``/`` are handed over by the program.

Names are listed from the files of a room and from the entry points of plug-ins, without importing them; a
part is imported when a run file names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from .signature import Signature, refuse_loose, signature_of, summary

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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

#: keys that a run file may write into a part's node but that the part never sees
RESERVED: dict[str, tuple[str, ...]] = {
    "source": ("transforms", "limit"),
    "loss": ("weight",),
    "optimizer": ("groups", "no_decay"),
}

#: installed packages register parts by entry points of this group: ``loss.my_focal = my_package.my_focal``
PLUGINS = "leyden.parts"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One class or function that a run file can name, and what the registration said about it.

    Args:
        kind: Name of its kind.
        name: Its name in run files.
        target: The class or function.
        runs_on: Backends that it works with.
        requires: Modules of optional packages that it needs.
        extra: The extra of our package that installs them.
        foreign: Whether it was named as ``package.module:Name`` and never registered.
    """

    kind: str
    name: str
    target: Callable[..., Any]
    runs_on: tuple[str, ...] = ("torch", "jax")
    requires: tuple[str, ...] = ()
    extra: str | None = None
    foreign: bool = False

    @cached_property
    def signature(self) -> Signature:
        """Its parameters, with evaluated annotations."""
        return signature_of(self.target, foreign=self.foreign)

    @property
    def summary(self) -> str:
        """What it is, in one line."""
        return summary(self.target)

    def absent(self) -> list[str]:
        """Required modules that are not installed."""
        return [m for m in self.requires if importlib.util.find_spec(m.partition(".")[0]) is None]


@dataclass(eq=False)
class Kind:
    """One open set of parts, e.g. every loss. Calling it gives the decorator that registers one."""

    name: str
    machinery: tuple[str, ...] = ()  # modules of the room that hold no part
    parts: dict[str, Part] = field(default_factory=dict[str, Part])

    def __post_init__(self) -> None:
        KINDS[self.name] = self

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
            self._refuse(name, target)
            self.parts[name] = Part(
                kind=self.name,
                name=name,
                target=target,
                runs_on=tuple(runs_on),
                requires=tuple(requires),
                extra=extra,
            )
            return target

        return register

    def contract(self, cls: type[T]) -> type[T]:
        """Class decorator: a signature that is annotated with ``cls`` takes any part of this kind."""
        CONTRACTS[cls] = self
        return cls

    def names(self) -> list[str]:
        """Every name of this kind, without importing any: the room's files, plug-ins, what is registered."""
        return sorted({*self._files(), *_plugins(self.name), *self.parts})

    def find(self, name: str) -> Part | None:
        """The part of that name, imported now if it was not before; None if there is none."""
        if name not in self.parts:
            if name in self._files():
                importlib.import_module(f"{ROOMS[self.name]}.{name}")
            elif name in (plugins := _plugins(self.name)):
                plugins[name].load()
        return self.parts.get(name)

    def _files(self) -> frozenset[str]:
        return _public_modules(ROOMS.get(self.name, "")) - {self.name, *self.machinery}

    def _refuse(self, name: str, target: Any) -> None:
        refuse_loose(target)
        other = self.parts.get(name)
        if other is not None and other.target.__qualname__ != target.__qualname__:
            raise ValueError(f"{self.name} '{name}' is registered already, by {other.target.__module__}")
        taken = {"type", "@type", *RESERVED.get(self.name, ())} & {s for s in _parameters(target)}
        if taken:
            raise TypeError(
                f"{target.__qualname__}: the name '{min(taken)}' is reserved in every {self.name}'s node"
            )


CONTRACTS: dict[type, Kind] = {}
KINDS: dict[str, Kind] = {}


def kind_named(name: str) -> Kind:
    """The kind of that name; its contract is imported now if it was not before."""
    if name not in KINDS:
        importlib.import_module(f"{ROOMS[name]}.{name}")
    return KINDS[name]


def every_part(kind: Kind) -> list[Part]:
    """All parts of a kind, imported, sorted by name."""
    found = [kind.find(name) for name in kind.names()]
    return [part for part in found if part is not None]


def _parameters(target: Any) -> list[str]:
    import inspect

    return [p.name for p in inspect.signature(target).parameters.values() if p.kind is p.KEYWORD_ONLY]


@cache
def _public_modules(package: str) -> frozenset[str]:
    """Names of the public files of a package; empty for a kind that has no room."""
    room = importlib.util.find_spec(package) if package else None
    folders = list(room.submodule_search_locations or ()) if room else []
    return frozenset(
        m.name for m in pkgutil.iter_modules(folders) if not m.ispkg and not m.name.startswith("_")
    )


@cache
def _plugins(kind: str) -> dict[str, EntryPoint]:
    """Entry points of installed packages by part name, e.g. ``loss.my_focal``."""
    from importlib.metadata import entry_points  # slow, and only needed where a name is no file of ours

    found = entry_points(group=PLUGINS)
    return {e.name.partition(".")[2]: e for e in found if e.name.partition(".")[0] == kind}
