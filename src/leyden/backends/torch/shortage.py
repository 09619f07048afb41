"""A shortage of memory: what is known of it, and the page that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from .mends import Mend, Need
from .whereabouts import Whereabouts

MODULES = 10  # of the largest, on the page


class ShortageError(torch.OutOfMemoryError):
    """Memory ran out, and there was nothing left to do about it."""


class ShortageWarning(UserWarning):
    """Memory ran out, and the run goes on with the same results."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One shortage.

    Args:
        where: Phase and module.
        at: Of what, e.g. ``optimizer step 12``.
        rank: This process, in words; empty where there is only one.
        reason: What the allocator said.
        need: What was needed, and how that is set.
        by_module: Bytes that modules keep of the forward pass of ``measured`` samples.
        measured: Samples; 0 where nothing was measured.
    """

    where: Whereabouts
    at: str
    rank: str
    reason: str
    need: Need
    by_module: Mapping[str, int] = field(default_factory=dict[str, int])
    measured: int = 0

    @property
    def sentence(self) -> str:
        """What happened."""
        where, need = self.where, self.need
        phase = f"the {where.phase} of " if where.phase else ""
        module = f" in module {where.module}" if where.module else ""
        samples = f" with {need.tried} samples at once" if need.tried > 1 else " with one sample"
        return f"{self.rank}memory ran out in {phase}{self.at}{module}{samples if need.tried else ''}"

    @property
    def consumers(self) -> list[tuple[str, int]]:
        """What takes memory, the largest first."""
        found = {**self.need.held, f"activations ({self.need.tried} samples)": self.need.activations}
        return sorted(((n, b) for n, b in found.items() if b), key=lambda item: -item[1])


def complete(facts: Facts, by_module: Mapping[str, int], samples: int, now: int) -> Facts:
    """With what modules keep of ``samples``, and with the samples that go through at once now."""
    total = sum(by_module.values()) * facts.need.tried // samples if samples else 0
    need = replace(facts.need, now=now, activations=total)
    return replace(facts, need=need, by_module=dict(by_module), measured=samples)


def named(facts: Facts, found: Sequence[Mend]) -> str:
    """The largest consumers and the cheapest mends, in two sentences."""
    largest = ", ".join(f"{name} {_size(size)}" for name, size in facts.consumers[:3])
    helps = ", ".join(_helps(mend) for mend in found[:2]) or "a smaller model"
    return f"It is taken by {largest}. What helps: {helps}"


def page(facts: Facts, told: str, found: Sequence[Mend]) -> str:
    """The facts for a person, a few dozen lines."""
    modules = sorted(facts.by_module.items(), key=lambda item: -item[1])[:MODULES]
    helps = {f"{i}. {mend.setting}": mend for i, mend in enumerate(found, 1)}
    parts = [
        told[:1].upper() + told[1:] + ".",
        f"The allocator: {facts.reason}",
        _table("The device", facts.need.device.items()),
        _table("What takes memory", facts.consumers),
        _table(
            f"What {facts.measured} samples keep of a forward pass, by module",
            [(name or "(the model itself, or the loss)", size) for name, size in modules],
        ),
        _table(
            "What helps, the cheapest first: what it saves, and what it costs",
            [(f"{setting}  ({mend.costs})", mend.saves) for setting, mend in helps.items()],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + f"\n\n{'-' * 80}\n\n"


def _table(title: str, rows: Iterable[tuple[str, int]]) -> str:
    lines = [f"  {_size(size) if size else '?':>14}  {name}" for name, size in rows]
    return "\n".join([f"{title}:", *lines]) if lines else ""


def _helps(mend: Mend) -> str:
    return f"`{mend.setting}`" + (f" (about {_size(mend.saves)} less)" if mend.saves else "")


def _size(size: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1024:.1f} KiB"
