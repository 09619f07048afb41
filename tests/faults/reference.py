"""Runs that nothing happened to, to compare with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.backends.torch.death import differences
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.moments import Moments


class Reference:
    """How an undisturbed run ended, how many moments each of its phases had, and how long it took.

    Args:
        variant: Which run.
        folder: Where to train it.
    """

    def __init__(self, variant: str, folder: Path) -> None:
        self.variant = variant
        child = Child(lambda: self._count(folder), folder.with_suffix(".log"))
        assert child.wait() == 0, child.said()
        told = json.loads(folder.with_suffix(".json").read_text())
        self.moments, self.seconds = told["moments"], told["seconds"]
        self.end = runs.ended(folder)

    def _count(self, folder: Path) -> int:
        start = time.perf_counter()
        with Moments() as moments:
            code = runs.train(folder, self.variant)
        told = {"moments": moments.counts, "seconds": time.perf_counter() - start}
        folder.with_suffix(".json").write_text(json.dumps(told))
        return code

    def problem(self, folder: Path) -> str:
        """Go on in ``folder``, and say what is wrong with how that ends; empty if it ends like this one."""
        last = Child(lambda: runs.train(folder, self.variant), folder.with_suffix(".log"))
        if code := last.wait():
            return f"ended with {code}:\n{last.said()}"
        found = differences(self.end, runs.ended(folder))
        return f"differs in {found[:4]}" if found else ""


def known_references(folder: Path) -> Callable[[str], Reference]:
    """References by variant, each trained when it is first asked for."""
    known: dict[str, Reference] = {}
    runs.warm_up(folder / "warm")

    def of(variant: str) -> Reference:
        if variant not in known:
            known[variant] = Reference(variant, folder / variant)
        return known[variant]

    return of
