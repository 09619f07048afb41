"""What waits to be measured comes to the same as measuring every step at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leyden.backends.torch import backlog
from leyden.backends.torch.backlog import Backlog
from leyden.backends.torch.place import Place
from leyden.backends.torch.score import Score
from leyden.backends.torch.tally import Tally
from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.objective import Objective
from leyden.metrics.accuracy import Accuracy
from leyden.schedules.schedule import Horizon


def score_of() -> Score:
    objective = Objective({"ce": CrossEntropy()}, {}, Horizon(steps=10, steps_per_epoch=10))
    return Score(objective, {"accuracy": Accuracy(), "top2": Accuracy(top_k=2)})


def pieces_of(*shapes: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    random = torch.Generator().manual_seed(0)
    pieces: list[tuple[Tensor, Tensor]] = []
    for batch, classes, *positions in shapes:
        labels = torch.randint(0, classes, (batch, *positions), generator=random)
        labels[0] = -100
        pieces.append((torch.randn(batch, classes, *positions, generator=random), labels))
    return pieces


def values(pieces: list[tuple[Tensor, Tensor]], settle_after_each: bool) -> dict[str, float]:
    score, tally = score_of(), Tally(Place())
    waiting = Backlog(score, tally)
    for outputs, targets in pieces:
        outputs = outputs.clone()
        found = waiting.scored(score.totals(outputs, targets), outputs, targets)
        outputs.fill_(torch.nan)  # as a model does that writes into the same memory in every step
        waiting.add([found], score.counts(targets))
        if settle_after_each:
            waiting.settle()
    waiting.settle()
    return score.values(tally, "train", 0)


SHAPES = {
    "equal": [(4, 3)] * 5,
    "ragged": [(4, 3), (4, 3), (1, 3)],
    "other lengths": [(4, 3, 5), (4, 3, 2), (2, 3, 2), (4, 3, 5)],
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("small", [0, 20, 1 << 16], ids=["none waits", "some wait", "all wait"])
def test_pieces_that_wait_give_the_numbers_of_pieces_that_do_not(
    shapes: list[tuple[int, ...]], small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "SMALL", small)
    pieces = pieces_of(*shapes)
    assert values(pieces, settle_after_each=False) == values(pieces, settle_after_each=True)


def test_means_are_those_of_all_samples_that_count() -> None:
    pieces = pieces_of((4, 3), (2, 3))
    outputs, targets = torch.cat([o for o, _ in pieces]), torch.cat([t for _, t in pieces])
    counted = targets != -100
    found = values(pieces, settle_after_each=False)
    right = outputs.argmax(1)[counted] == targets[counted]
    assert found["train/accuracy"] == right.double().mean().item()
    assert found["train/loss"] == pytest.approx(torch.nn.functional.cross_entropy(outputs, targets).item())


def test_what_was_dropped_is_not_measured() -> None:
    score, tally = score_of(), Tally(Place())
    waiting = Backlog(score, tally)
    for outputs, targets in pieces_of((4, 3), (2, 3)):
        waiting.drop()
        totals = score.totals(outputs, targets)
        waiting.add([waiting.scored(totals, outputs, targets)], score.counts(targets))
    waiting.settle()
    waiting.settle()
    assert tally.numbers == [1.0]  # of the two samples of the second piece, one is ignored
