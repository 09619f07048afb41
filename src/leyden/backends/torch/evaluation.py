"""One pass over a dataset: every sample once, nothing padded, the same numbers for any count of ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leyden.tasks.task import Task

from .memory import WorkingSize, is_out_of_memory
from .place import Place
from .precision import Format, as_full
from .score import Score
from .tally import Tally
from .window import Cut, Held


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
        memory: WorkingSize | None = None,
    ) -> None:
        self.model = model
        self.task = task
        self.score = score
        self.place = place
        self.format = format
        self.cut = cut
        self.memory = memory or WorkingSize("auto")
        self.groups: dict[int, Tally] = {}

    @torch.no_grad()
    def add(self, held: Held) -> None:
        """Score one batch, in halves where memory runs out."""
        if held.number < 0:
            return
        batch = self.place.to_device(held.batch)
        samples = len(next(iter(batch.values())))
        while True:
            try:
                scored = [self._forward(piece) for piece in self.memory.pieces(batch, samples)]
                break
            except Exception as error:
                if not is_out_of_memory(error) or not self.memory.halve(samples):
                    raise
            self.memory.free(self.place.device)
        tally = self.groups.setdefault(self.cut.group(held.number), Tally(self.place))
        for outputs, targets in scored:
            self.score.add(tally, outputs, targets)

    def _forward(self, piece: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        with self.format.forward():
            outputs = self.task.forward(self.model, self.format.inputs(piece))
        return as_full(outputs), self.task.targets(piece)

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
