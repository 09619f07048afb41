"""Who tells a person where memory runs out: a warning, a line of the log, and a page of facts."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from leyden.models.nets.retained import retained

from .holders import device_memory
from .memory import is_out_of_memory
from .mends import Need, mends
from .place import Place
from .shortage import Facts, ShortageError, ShortageWarning, complete, named, page
from .whereabouts import whereabouts

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

AGAIN = "the same samples go through {now} at a time now, and more are tried after {wait} {rounds}"
UPDATED = "what the activations had held was given back, and the update taken again"


class Unreported:
    """Nobody is told; an error stays as it is."""

    def saw(self, error: BaseException, at: str, samples: int, batch: Mapping[str, Tensor]) -> None:
        """Memory ran out in ``at``, with ``samples`` of ``batch`` at once (0: not because of them)."""

    def measured(
        self,
        attempt: Callable[[], T],
        take_back: Callable[[], None],
        batch: Mapping[str, Tensor],
        samples: int,
    ) -> T:
        """What ``attempt`` gives, with ``samples`` of ``batch`` at once; ``take_back`` undoes some of it."""
        return attempt()

    def mended(self, now: int = 0, wait: int = 0) -> None:
        """It went through: with ``now`` samples at once, more to be tried after ``wait`` rounds."""

    def fatal(self, error: E, remark: str = "") -> E | ShortageError:
        """What to raise where nothing helps; ``error`` itself where memory has not run out."""
        return error


class Reports(Unreported):
    """Tells of every size once. Whatever goes wrong here changes nothing but what is told.

    Args:
        model: What is trained, or measured.
        run: The run's settings.
        place: This process.
        file: Where the page of facts goes.
        holders: Bytes that stay from step to step, by whose they are; asked when memory has run out.
        own_module: Whether the model is a user's LightningModule.
        evaluates: Whether it is about evaluations.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        run: Any,
        place: Place,
        file: Path,
        holders: Callable[[], dict[str, int]],
        own_module: bool = False,
        evaluates: bool = False,
    ) -> None:
        self.model = model
        self.run = run
        self.place = place
        self.file = file
        self.holders = holders
        self.own_module = own_module
        self.evaluates = evaluates
        self.told: dict[bool, int] = {}  # in an update or elsewhere -> fewest samples that were told
        self._seen: list[Facts] = []  # of the failures in a row
        self._kept: tuple[Mapping[str, int], int] = {}, 0  # bytes by module, of how many samples

    def saw(self, error: BaseException, at: str, samples: int, batch: Mapping[str, Tensor]) -> None:
        try:
            self._seen.append(self._collected(error, at, samples, batch.values()))
        except Exception as another:
            text = "memory ran out in %s, and no more can be said because of %s"
            logging.getLogger("leyden").warning(text, at, type(another).__name__)

    def _collected(self, error: BaseException, at: str, samples: int, batch: Iterable[Tensor]) -> Facts:
        rank, world = self.place.rank, self.place.world
        held = {**self.holders(), "batch": sum(t.numel() * t.element_size() for t in batch)}
        held["gradients"] *= not self.evaluates
        return Facts(
            where=whereabouts(error, self.model),
            at=at,
            rank=f"on rank {rank} of {world}, " if world > 1 else "",
            reason=str(error).strip() or type(error).__name__,
            need=Need(
                run=self.run,
                own_module=self.own_module,
                evaluates=self.evaluates,
                tried=samples,
                now=0,
                held=held,
                activations=0,
                device=device_memory(self.place.device),
            ),
        )

    def measured(
        self,
        attempt: Callable[[], T],
        take_back: Callable[[], None],
        batch: Mapping[str, Tensor],
        samples: int,
    ) -> T:
        """The same; what the first piece keeps of the forward pass is counted, where that can be done."""
        if self.model._compiled_call_impl is not None:  # hooks would have it compiled anew
            return attempt()
        with ExitStack() as looking:
            with suppress(Exception):  # then nobody looks
                kept = looking.enter_context(retained(self.model, batch.values()))
                self._kept = kept.by_module, samples
            try:
                return attempt()
            except Exception as error:
                if is_out_of_memory(error):
                    raise
        take_back()
        return attempt()  # what cannot be looked at goes through without, and what is wrong goes wrong again

    def mended(self, now: int = 0, wait: int = 0) -> None:
        seen, self._seen = self._seen, []
        kept, self._kept = self._kept, ({}, 0)
        if not seen:  # another process ran out
            return
        facts, updates, fewest = seen[0], not now, seen[-1].need.tried
        if updates in self.told and fewest >= self.told[updates]:
            text = f"{facts.sentence}, still; more are tried after {wait} {self._rounds}"
            logging.getLogger("leyden").info(text)
            return
        self.told[updates] = fewest
        text = AGAIN.format(now=now, wait=wait, rounds=self._rounds) if now else UPDATED
        text = self._written(complete(facts, *kept, now), text)
        logging.getLogger("leyden").warning(text)
        warnings.warn(text, ShortageWarning, stacklevel=2)

    def fatal(self, error: E, remark: str = "") -> E | ShortageError:
        seen, self._seen = self._seen, []
        kept, self._kept = self._kept, ({}, 0)
        if not seen:
            return error
        told = self._written(complete(seen[-1], *kept, 0), remark)
        return ShortageError(f"{told}\n\n{seen[-1].reason}")

    @property
    def _rounds(self) -> str:
        return "batches" if self.evaluates else "steps"

    def _written(self, facts: Facts, then: str) -> str:
        """What there is to say, after the page was written."""
        then = f"{facts.sentence}; {then}" if then else facts.sentence
        try:
            found = mends(facts.need)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a") as file:  # of every shortage; a run that goes on keeps its pages
                file.write(page(facts, then, found))
            return f"{then}. {named(facts, found)}. More is in {self.file}"
        except Exception as error:
            return f"{then}; no more can be said because of {type(error).__name__}"


def report_file(logs: Path, place: Place) -> Path:
    """Where a process's page of facts goes."""
    return logs / (f"oom_report_rank_{place.rank}.txt" if place.world > 1 else "oom_report.txt")
