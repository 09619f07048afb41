"""One pass over a dataset: every sample once, nothing padded, the same numbers for any count of ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leyden.tasks.task import Task

from .halves import Halves
from .place import Place
from .precision import Format
from .score import Score, Scores, add_scores
from .tally import Tally
from .window import Cut, Held
from .working_size import WorkingSize


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
        self.score = score
        self.place = place
        self.cut = cut
        self.forward: Halves[Scores] = Halves(
            model, task=task, place=place, format=format, memory=memory, at=at, use=self._scores
        )
        self.task = task
        self.groups: dict[int, Tally] = {}

    def add(self, held: Held) -> None:
        """Score one batch."""
        if held.number < 0:
            return
        scores = self.forward(held.batch)
        tally = self.groups.setdefault(self.cut.group(held.number), Tally(self.place))
        for score in scores:
            add_scores(tally, *score)

    def _scores(self, piece: dict[str, Tensor], outputs: Tensor) -> Scores:
        return self.score.scores(outputs, self.task.targets(piece))

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
