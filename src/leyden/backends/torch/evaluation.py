"""One pass over a dataset: every sample once, nothing padded, the same numbers for any count of ranks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from leyden.tasks.task import Task

from .memory import bare, is_out_of_memory
from .place import Place
from .precision import Format, as_full
from .score import Score, Scores, add_scores
from .tally import Tally
from .window import Cut, Held
from .working_size import WorkingSize

#: (batch, its samples) -> what is to be added up, piece by piece
Attempt = Callable[[dict[str, Tensor], int], list[Scores]]


class Pass:
    """Adds up losses and metrics group by group, and sums the groups in their order.

    Args:
        model: In evaluation mode.
        task: How a batch meets the model.
        score: Loss terms and metrics.
        place: This process.
        format: Number formats.
        cut: Which batches there are, and whose they are.
        memory: How many samples go through the model at once.
        at: What is evaluated, in words.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        task: Task,
        score: Score,
        place: Place,
        format: Format,
        cut: Cut,
        memory: WorkingSize,
        at: str = "the evaluation",
    ) -> None:
        self.model = model
        self.task = task
        self.score = score
        self.place = place
        self.format = format
        self.cut = cut
        self.memory = memory
        self.at = at
        self.groups: dict[int, Tally] = {}

    @torch.no_grad()
    def add(self, held: Held) -> None:
        """Score one batch, in halves where memory runs out."""
        if held.number < 0:
            return
        batch, memory, attempt = held.batch, self.memory, self._scores
        samples = len(next(iter(batch.values())))
        scores, error = self._tried(attempt, batch, samples)
        while error is not None:
            memory.free(self.place.device)
            if memory.tried(samples) <= 1:
                raise memory.reports.fatal(error)
            memory.halve(memory.tried(samples))
            scores, error = self._tried(self._measured, batch, samples)
            if error is None:
                memory.reports.mended(memory.size, memory.wait)
        tally = self.groups.setdefault(self.cut.group(held.number), Tally(self.place))
        for score in scores:
            add_scores(tally, *score)
        if not memory.settled:
            memory.passed()

    def _tried(
        self,
        attempt: Callable[[dict[str, Tensor], int], list[Scores]],
        batch: dict[str, Tensor],
        samples: int,
    ) -> tuple[list[Scores], Exception | None]:
        """What an attempt gave, or the error of an allocator that had no memory for it."""
        try:
            return attempt(batch, samples), None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.memory.reports.saw(error, self.at, self.memory.tried(samples), batch)
            return [], bare(error)

    def _measured(self, batch: dict[str, Tensor], samples: int) -> list[Scores]:
        """An attempt that somebody looks at."""
        tried = self.memory.tried(samples)
        return self.memory.reports.measured(partial(self._scores, batch, samples), lambda: None, batch, tried)

    def _scores(self, batch: dict[str, Tensor], samples: int) -> list[Scores]:
        """What is to be added up of a batch, piece by piece."""
        scores: list[Scores] = []
        for piece in self.memory.pieces(batch, samples):
            piece = self.place.to_device(piece)
            with self.format.forward():
                outputs = self.task.forward(self.model, self.format.inputs(piece))
            scores.append(self.score.scores(as_full(outputs), self.task.targets(piece)))
        return scores

    def values(self, prefix: str, step: int) -> dict[str, float]:
        """Named results over all ranks; to be called by all of them."""
        total = self._layout()
        if not total.views:
            return {}
        width = total.flat.numel()
        rows = torch.zeros(
            self.cut.groups, width + len(total.numbers), dtype=torch.float64, device=self.place.device
        )
        for group, tally in self.groups.items():
            rows[group, :width] = tally.flat
            rows[group, width:] = torch.tensor(tally.numbers, dtype=torch.float64)
        self.place.sum_over_ranks([rows])  # each row is one rank's, so this adds nothing but zeros to it
        sums = rows.cpu().sum(0)
        pieces = sums[:width].split([view.numel() for view in total.views])
        return self.score.named(pieces, sums[width:].tolist(), prefix, step)

    def _layout(self) -> Tally:
        total = next(iter(self.groups.values())) if self.groups else Tally(self.place)
        if self.place.world > 1:
            total.agree_on_layout()
        return total
