"""One optimizer step: the heart of the backend.

seed the step's generators from (seed, step, rank)         nothing outside a step can move its randomness
counts of the whole step, over pieces and ranks            known from the targets, before any forward pass
for each micro-batch: forward, backward                    no communication: a failure leaves no rank alone
take the memory that the sum of gradients needs
vote: ok | out of memory | failed                          out of memory: the same samples again, in halves;
                                                           later more at once are tried again
sum gradients over the ranks
norm, look for NaN, clip
wait until the newest checkpoint's copies are made         of all that is written from here on
optimizer step, with the rates of this step
moving average, running sums of losses and metrics         on the device; nobody waits for them here
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from leyden.spec.seeds import fold_in
from leyden.tasks.task import Task

from .backlog import Backlog, Scored
from .diagnosis import at_rest, in_motion, together
from .ema import NoAverage
from .gradients import Gradients
from .guard import Guard, NonFiniteError
from .memory import bare, is_out_of_memory
from .place import FAILED, OK, OUT_OF_MEMORY, TORN, Place, RankError
from .precision import Format, as_full
from .rates import Rates
from .score import Score
from .tally import Tally
from .update import HalfUpdateError, Update
from .working_size import WorkingSize

#: numbers of a buffer that may be statistics of the batches, such as BatchNorm's; larger ones are tables
STATISTICS = 1 << 16

#: (this rank's batch, its samples, factors of the terms' sums) -> its pieces
Attempt = Callable[[dict[str, Tensor], int, Sequence[Tensor]], list[Scored]]


class Step:
    """Takes optimizer steps. A plain object: setting attributes on a module in the hot loop is slow.

    Args:
        model: In training mode, on the device.
        optimizer: Of the model's parameters.
        task: How a batch meets the model.
        score: Loss terms and metrics.
        place: This process.
        format: Number formats.
        gradients: Reduction and clipping.
        rates: Learning rates.
        average: Moving average of the weights.
        memory: The working size.
        seed: Seed of the repeat.
        skips: Leave steps out whose gradients are not finite, instead of raising.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        task: Task,
        score: Score,
        place: Place,
        format: Format,
        gradients: Gradients,
        rates: Rates,
        average: NoAverage,
        memory: WorkingSize,
        seed: int,
        skips: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.task = task
        self.score = score
        self.place = place
        self.format = format
        self.gradients = gradients
        self.rates = rates
        self.average = average
        self.memory = memory
        self.seed = seed
        self.guard = Guard(place, optimizer, skips)
        self.update = Update(optimizer, partial(memory.free, place.device), memory.reports)
        self._statistics: list[Tensor] = []  # of the batches, as they were before the step
        self.buffers = [buffer for buffer in model.buffers() if buffer.numel() <= STATISTICS]
        self.tally = Tally(place)
        self.backlog = Backlog(score, self.tally)
        self._started: tuple[tuple[float, ...], list[Tensor]] = ((), [])
        self.unread = 0  # steps summed up in the tally
        #: step, positions in this rank's share of it -> their samples in the training set
        self.samples_of: Callable[[int, list[int]], list[int]] = lambda step, rows: []
        self.log_every = 1
        #: called before weights, moments or the average change
        self.before_update: Callable[[], None] = lambda: None

    def __call__(self, step: int, batch: dict[str, Tensor]) -> None:
        """Optimizer step ``step`` (0 is the first) with this rank's samples; there may be none."""
        gradients, optimizer = self.gradients, self.optimizer
        samples = len(next(iter(batch.values())))
        # on the host, where the targets come from: no count ever waits for the device
        counts = self.score.counts(self.task.targets(batch)) if samples else []
        pieces = self._backward(step, batch, samples, self._factors(step, counts))
        self.rates.write(step)
        try:
            self._update(step, gradients, optimizer)
        except NonFiniteError as error:
            # weights are as they were before this step only where the host looks at once
            where, ids = ("", list[int]()) if self.guard.late else self._diagnosed(step, batch, samples)
            raise NonFiniteError(error.step, where, ids) from None
        self.before_update()  # again, for a step that had no gradients
        self.average.update(step + 1)
        self.unread += 1
        if samples:
            self.backlog.add(pieces, counts)
        if not self.memory.settled:
            self.memory.passed()

    def _update(self, step: int, gradients: Gradients, optimizer: Optimizer) -> None:
        if self.place.world > 1:
            gradients.reduce()
        self.format.unscale(optimizer)
        present = gradients.present()
        if present:
            norm = self.update.prepared(lambda: gradients.norm(present), step)
            # a scaler has its own way with overflow
            if self.format.scaler is not None or self.guard.check(step, norm):
                self.update.prepared(lambda: gradients.clip(present, norm), step)
                self.before_update()
                self.update(lambda: self.format.step(optimizer), step)
        gradients.drop()

    def _diagnosed(self, step: int, batch: dict[str, Tensor], samples: int) -> tuple[str, list[int]]:
        """Where the step goes wrong, and with which samples of the training set; the same on every rank."""
        vote, found = self.place.vote, at_rest(self.model, batch)
        (known,) = vote.largest(int(bool(found.where)))
        if samples and not known:
            try:
                found = in_motion(self.model, lambda: self._again(step, batch, samples))
            except Exception as error:
                if not is_out_of_memory(error):  # it takes more than the step did
                    raise
        return together(vote.gather((found.where, self.samples_of(step, found.rows))))

    def _again(self, step: int, batch: dict[str, Tensor], samples: int) -> Iterator[int]:
        """Forward and backward of every piece once more; gives their sizes."""
        self.gradients.drop()
        self.place.seed(fold_in(self.seed, "step", step, self.place.rank))
        ones = [torch.ones((), device=self.place.device) for _ in self.score.terms]
        for piece in self.memory.pieces(batch, samples):
            size = len(next(iter(piece.values())))
            self._attempt(piece, size, ones)
            yield size

    def _factors(self, step: int, counts: Sequence[float]) -> list[Tensor]:
        """weight / count of each term, the count over all pieces and ranks: gradients of the terms' sums."""
        weights = self.score.objective.weights_at(step)
        if self.place.world > 1:
            return self._factors_of_all(weights, counts)
        numbers = tuple(w / count if count else 0.0 for w, count in zip(weights, counts, strict=True))
        if numbers != self._started[0]:  # nearly every step has the numbers of the one before
            self._started = numbers, [torch.full((), n, device=self.place.device) for n in numbers]
        return self._started[1]

    def _factors_of_all(self, weights: Sequence[float], counts: Sequence[float]) -> list[Tensor]:
        """The same with counts summed up by the devices; nearly infinite where nothing counts: sums are 0."""
        total = torch.zeros(len(weights), dtype=torch.float64, device=self.place.device)
        for index, count in enumerate(counts):
            total[index] = count
        self.place.sum_over_ranks([total])
        shares = zip(weights, total.clamp_min_(1e-30).unbind(), strict=True)
        return [(weight / count).float() for weight, count in shares]

    def _backward(
        self, step: int, batch: dict[str, Tensor], samples: int, factors: Sequence[Tensor]
    ) -> list[Scored]:
        """Gradients of this rank's samples, and their sums; retries in halves until every rank is through."""
        # a size that has proved itself seldom fails; then the statistics see one batch more
        self._statistics = [buffer.clone() for buffer in self.buffers] if self.memory.age == 0 else []
        self.place.seed(fold_in(self.seed, "step", step, self.place.rank))
        word, pieces, error = self._tried(self._attempt, step, batch, samples, factors)
        while word != OK:
            self._recover(step, word, error, samples)
            attempt = partial(self._measured, step)
            word, pieces, error = self._tried(attempt, step, batch, samples, factors)
            if word == OK:
                self.memory.reports.mended(self.memory.size, self.memory.wait)
        return pieces

    def _tried(
        self, attempt: Attempt, step: int, batch: dict[str, Tensor], samples: int, factors: Sequence[Tensor]
    ) -> tuple[int, list[Scored], Exception | None]:
        """What all ranks say of an attempt, what it gave here, and how it failed here."""
        word, pieces, error = TORN if self.update.torn else OK, [], None
        try:
            if word == OK:
                pieces = attempt(batch, samples, factors)
                self.gradients.reserve()
        except Exception as raised:
            word, error = FAILED, raised
            if is_out_of_memory(raised):
                word = OUT_OF_MEMORY
                self.memory.reports.saw(raised, f"optimizer step {step}", self.memory.tried(samples), batch)
                error = bare(raised)
        (word,) = self.place.vote.largest(word)
        return word, pieces, error

    def _recover(self, step: int, word: int, error: Exception | None, samples: int) -> None:
        """After a failed attempt on any rank: raise on all, or make all try smaller pieces."""
        if word == TORN:
            raise HalfUpdateError(self.update.torn)
        if word == FAILED:
            if error is None:
                raise RankError(f"another process failed in optimizer step {step}; see its message")
            but = f"in smaller pieces the step fails: {type(error).__name__}: {error}"
            raise self.memory.reports.fatal(error, but).with_traceback(error.__traceback__)
        self._take_back(step)
        self.memory.free(self.place.device)
        poor = -1 if error is None else self.place.rank
        tried, poor = self.place.vote.largest(self.memory.tried(samples), poor)
        if tried > 1:
            self.memory.halve(tried)
        elif error is None:
            raise RankError(f"rank {poor} ran out of memory in optimizer step {step} with one sample")
        else:
            raise self.memory.reports.fatal(error)

    def _take_back(self, step: int) -> None:
        """Gradients, statistics and generators as they were before an attempt."""
        self.gradients.drop()
        if self._statistics:
            torch._foreach_copy_(self.buffers, self._statistics)
        self.place.seed(fold_in(self.seed, "step", step, self.place.rank))

    def _measured(
        self, step: int, batch: dict[str, Tensor], samples: int, factors: Sequence[Tensor]
    ) -> list[Scored]:
        """An attempt that somebody looks at."""
        return self.memory.reports.measured(
            partial(self._attempt, batch, samples, factors),
            partial(self._take_back, step),
            batch,
            self.memory.tried(samples),
        )

    def _attempt(self, batch: dict[str, Tensor], samples: int, factors: Sequence[Tensor]) -> list[Scored]:
        """Forward and backward of every piece, and what is to be measured of it."""
        task, score = self.task, self.score
        scored: list[Scored] = []
        for piece in self.memory.pieces(batch, samples):
            piece = self.place.to_device(piece)
            with self.format.forward():
                outputs = task.forward(self.model, self.format.inputs(piece))
            outputs, targets = as_full(outputs), task.targets(piece)
            totals = score.totals(outputs, targets)
            self.format.backward(totals, factors)
            scored.append(self.backlog.scored(totals, outputs, targets))
        return scored
