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
from tests.faults.ranks import ranks


class Reference:
    """How an undisturbed run ended, how many moments each of its phases had, and how long it took.

    ``moments`` and ``seconds`` are those of the first process, ``moments_of`` has one mapping a rank.

    Args:
        variant: Which run.
        folder: Where to train it.
        words: More of the command line.
        world: Processes.
    """

    def __init__(self, variant: str, folder: Path, words: tuple[str, ...] = (), world: int = 1) -> None:
        self.variant, self.words, self.world = variant, words, world
        failed = self._failure(folder, lambda rank: self._count(folder, rank))
        assert not failed, failed
        told = [json.loads(folder.with_suffix(f".{rank}.json").read_text()) for rank in range(world)]
        self.moments_of = [one["moments"] for one in told]
        self.moments, self.seconds = self.moments_of[0], told[0]["seconds"]
        self.end = runs.ended(folder)

    def _count(self, folder: Path, rank: int) -> int:
        start = time.perf_counter()
        with Moments() as moments:
            code = self._train(folder)
        told = {"moments": moments.counts, "seconds": time.perf_counter() - start}
        folder.with_suffix(f".{rank}.json").write_text(json.dumps(told))
        return code

    def _train(self, folder: Path) -> int:
        return runs.train(folder, self.variant, *self.words)

    def _failure(self, folder: Path, work: Callable[[int], int]) -> str:
        """What all processes said, if one of them fails."""
        log = folder.with_suffix(".log")
        alone = self.world == 1
        children = [Child(lambda: work(0), log)] if alone else ranks(self.world, work, log)
        codes = [child.wait() for child in children]
        return (
            "\n".join([f"ended with {codes}:", *(child.said() for child in children)]) if any(codes) else ""
        )

    def problem(self, folder: Path) -> str:
        """Go on in ``folder``, and say what is wrong with how that ends; empty if it ends like this one."""
        if failed := self._failure(folder, lambda rank: self._train(folder)):
            return failed
        found = differences(self.end, runs.ended(folder))
        return f"differs in {found[:4]}" if found else ""


def known_references(folder: Path, words: tuple[str, ...] = (), world: int = 1) -> Callable[[str], Reference]:
    """References by variant, each trained when it is first asked for."""
    known: dict[str, Reference] = {}
    runs.warm_up(folder / "warm")

    def of(variant: str) -> Reference:
        if variant not in known:
            known[variant] = Reference(variant, folder / variant, words, world)
        return known[variant]

    return of
