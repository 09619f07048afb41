"""How many samples go through a model at once: halved in a shortage, tried upward later, ever more seldom."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from leyden.backends.torch.working_size import WorkingSize


def live(size: WorkingSize, steps: int, limit: float, samples: int = 64) -> list[int]:
    """Take steps that have memory for ``limit`` samples at once; the steps in which it ran out."""
    failures: list[int] = []
    for step in range(steps):
        while size.tried(samples) > limit:
            failures.append(step)
            size.halve(size.tried(samples))
        size.passed()
    return failures


def test_pieces_cover_a_batch_once_in_order_and_evenly() -> None:
    batch = {"x": torch.arange(11)}
    for most in (1, 2, 3, 11, 12):
        pieces = list(WorkingSize(most).pieces(batch, 11))
        sizes = [len(piece["x"]) for piece in pieces]
        assert len(pieces) == math.ceil(11 / most)
        assert max(sizes) == WorkingSize(most).tried(11) <= most and max(sizes) - min(sizes) <= 1
        assert torch.equal(torch.cat([piece["x"] for piece in pieces]), batch["x"])
    assert list(WorkingSize(5).pieces({"x": torch.arange(0)}, 0)) == []


def test_after_a_shortage_that_passes_the_size_grows_back_to_what_was_wanted() -> None:
    size = WorkingSize(48)
    live(size, 1, limit=6, samples=48)
    assert size.size == 6
    assert live(size, size.PATIENCE - 2, limit=math.inf) == [] and size.size == 6
    live(size, 1, limit=math.inf)
    assert size.size == 12
    live(size, 2 * size.PATIENCE, limit=math.inf)
    assert size.size == 48 and not size.settled
    live(size, size.PATIENCE, limit=math.inf)
    assert size.settled


@pytest.mark.parametrize("limit", [1, 5, 32, 63])
def test_a_shortage_that_stays_is_run_into_ever_more_seldom(limit: int) -> None:
    steps, size = 100_000, WorkingSize(64)
    first, *later = sorted(set(live(size, steps, limit)))
    assert first == 0
    assert 1 <= len(later) <= math.log2(steps / size.PATIENCE) + 1
    assert all(after - before >= size.PATIENCE for before, after in pairwise(later))
    assert size.size <= limit < 2 * size.size


def test_a_shortage_of_some_batches_is_run_into_ever_more_seldom() -> None:
    """Where one step of fifty needs more than the others, a try that lasts some steps is no success."""
    size, failures = WorkingSize(64), 0
    for step in range(100_000):
        failures += len(live(size, 1, limit=32 if step % 50 == 0 else math.inf))
    assert failures <= math.log2(100_000 / size.PATIENCE) + 2


def test_after_a_try_that_fails_the_size_is_what_it_was_before() -> None:
    size = WorkingSize(16)
    live(size, size.PATIENCE, limit=4)
    assert size.size == 8
    live(size, 1, limit=4, samples=5)  # the ragged last step of an epoch
    assert size.size == 4 and size.wait == 2 * size.PATIENCE


def test_a_shortage_long_after_another_waits_as_short_as_the_first() -> None:
    size = WorkingSize(64)
    live(size, 10 * size.PATIENCE, limit=40)
    assert size.wait > 2 * size.PATIENCE
    live(size, 10 * size.wait, limit=math.inf)
    assert size.settled
    live(size, 1, limit=40)
    assert (size.size, size.wait) == (32, size.PATIENCE)


@pytest.mark.parametrize("steps", [0, 1, 199, 200, 201, 350, 1000])
def test_a_restored_size_goes_on_exactly_as_the_saved_one(steps: int) -> None:
    saved, restored = WorkingSize(64), WorkingSize(64)
    live(saved, steps, limit=20)
    restored.restore(saved.state())
    assert restored.state() == saved.state()
    assert live(restored, 3000, limit=20) == live(saved, 3000, limit=20)
    assert restored.state() == saved.state()


@pytest.mark.parametrize(
    ("found", "wanted", "size"),
    [
        (64, 16, 16),  # nothing was lacking: the new wish counts
        (64, 128, 128),
        (16, 8, 8),  # what was too many still is
        (16, 32, 16),
        (16, 128, 16),
    ],
)
def test_another_wish_counts_unless_it_was_too_many(found: int, wanted: int, size: int) -> None:
    before, after = WorkingSize(64), WorkingSize(wanted)
    live(before, 1, limit=found)
    after.restore(before.state())
    assert (after.most, after.size) == (wanted, size)
    live(after, 10 * after.PATIENCE, limit=math.inf)
    assert after.size == wanted
