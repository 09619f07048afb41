"""The objective is the same however a step is cut into micro-batches and devices."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.focal import Focal
from leyden.losses.l1 import MeanAbsoluteError
from leyden.losses.mse import MeanSquaredError
from leyden.losses.objective import Objective
from leyden.schedules.schedule import Horizon, Schedule

HORIZON = Horizon(steps=100, steps_per_epoch=10)


class Ramp(Schedule):
    """Rises from 0 to the base over the run."""

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        return base * step / horizon.steps


def classification() -> Objective:
    weights = [0.3, 1.0, 4.0]
    terms = {
        "ce": CrossEntropy(class_weight=weights, label_smoothing=0.1, ignore_index=1),
        "focal": Focal(gamma=1.5),
    }
    return Objective(terms, {"focal": 0.25}, HORIZON)


def pieces(cuts: list[int], length: int) -> list[slice]:
    edges = [0, *sorted(cuts), length]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@settings(max_examples=50)
@given(
    cuts=st.lists(st.integers(0, 23), max_size=6),
    ranks=st.lists(st.integers(0, 6), min_size=7, max_size=7),
    seed=st.integers(0, 99),
)
def test_any_cut_gives_the_whole_batchs_gradient(cuts: list[int], ranks: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(23, 5, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 3, (23,), generator=generator)
    whole = torch.nn.Linear(5, 3, dtype=torch.float64)
    parts = copy.deepcopy(whole)
    objective = classification()

    logits = whole(inputs)
    weight = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)
    reference = F.cross_entropy(logits, targets, weight=weight, label_smoothing=0.1, ignore_index=1)
    reference = reference + 0.25 * Focal(gamma=1.5).total(logits, targets) / 23
    reference.backward()

    shares = pieces(cuts, 23)
    by_rank = {rank: [s for s, r in zip(shares, ranks, strict=False) if r == rank] for rank in set(ranks)}
    counts = sum(objective.counts(torch.cat([targets[s] for s in own])) for own in by_rank.values() if own)
    assert isinstance(counts, torch.Tensor)
    values, sums = zip(
        *[objective.total(parts(inputs[s]), targets[s], counts, 0) for own in by_rank.values() for s in own],
        strict=True,
    )
    for value in values:
        value.backward()

    torch.testing.assert_close(parts.weight.grad, whole.weight.grad, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(sum(values), reference, rtol=1e-12, atol=0)
    torch.testing.assert_close(objective.value(sum(sums), counts, 0), reference.detach(), rtol=1e-12, atol=0)


def test_weights_follow_their_schedules() -> None:
    terms = {"mse": MeanSquaredError(), "l1": MeanAbsoluteError()}
    objective = Objective(terms, {"l1": Ramp()}, HORIZON)
    outputs, targets = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0])
    counts = objective.counts(targets)
    assert objective.weights_at(50) == (1.0, 0.5)
    value, sums = objective.total(outputs, targets, counts, 50)
    assert sums.tolist() == [4.0, 2.0]
    assert value.item() == pytest.approx(4 / 2 + 0.5 * 2 / 2)
    assert objective.value(sums, counts, 50).item() == pytest.approx(value.item())


def test_a_step_in_which_every_label_is_ignored_has_zero_gradient_and_no_mean() -> None:
    objective = Objective({"ce": CrossEntropy()}, {}, HORIZON)
    logits, labels = torch.randn(4, 3, requires_grad=True), torch.full((4,), -100)
    counts = objective.counts(labels)
    value, sums = objective.total(logits, labels, counts, 0)
    value.backward()
    assert value.item() == 0.0
    assert logits.grad is not None and not logits.grad.any()
    assert objective.value(sums, counts, 0).isnan()


def test_a_micro_batch_in_which_every_label_is_ignored_adds_nothing() -> None:
    objective = Objective({"ce": CrossEntropy()}, {}, HORIZON)
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, -100, -100, -100])
    counts = objective.counts(labels)
    first, _ = objective.total(logits[:3], labels[:3], counts, 0)
    second, _ = objective.total(logits[3:], labels[3:], counts, 0)
    assert second.item() == 0.0
    torch.testing.assert_close(first.float(), F.cross_entropy(logits, labels))


def test_counts_are_wide_enough_for_any_number_of_tokens() -> None:
    objective = Objective({"mse": MeanSquaredError(), "ce": CrossEntropy()}, {}, HORIZON)
    counts = objective.counts(torch.zeros(3, dtype=torch.int64))
    assert counts.dtype == torch.float64
    assert counts.tolist() == [3.0, 3.0]


def test_an_objective_refuses_no_terms_and_strangers() -> None:
    with pytest.raises(ValueError, match="at least one loss term"):
        Objective({}, {}, HORIZON)
    with pytest.raises(ValueError, match=r"\['mse'\] is none of \['ce'\]"):
        Objective({"ce": CrossEntropy()}, {"mse": 1.0}, HORIZON)
