"""Classification metrics equal scikit-learn's, however ragged the batches that they are added up from."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leyden.metrics.accuracy import Accuracy
from leyden.metrics.balanced_accuracy import BalancedAccuracy
from leyden.metrics.f1 import F1
from leyden.metrics.metric import Metric
from leyden.metrics.precision import Precision
from leyden.metrics.recall import Recall


def measured(
    metric: Metric, outputs: torch.Tensor, targets: torch.Tensor, cuts: list[int] | None = None
) -> float:
    """The metric from batches that end at ``cuts``."""
    edges = [0, *sorted(min(c, len(outputs)) for c in cuts or []), len(outputs)]
    batches = [metric.sums(outputs[a:b], targets[a:b]) for a, b in pairwise(edges)]
    assert all(s.ndim == 1 and s.dtype == torch.float64 and len(s) == len(batches[0]) for s in batches)
    return metric.compute(torch.stack(batches).sum(0).numpy())


SCORES = [(F1, sk.f1_score), (Precision, sk.precision_score), (Recall, sk.recall_score)]
cuts = st.lists(st.integers(0, 40), max_size=5)
sizes = st.integers(1, 40)


@pytest.mark.parametrize(("metric", "reference"), SCORES)
@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@settings(max_examples=40)
@given(data=st.data())
def test_scores_of_classes_are_scikit_learns(
    metric: type[Metric], reference: Callable[..., float], average: str, data: st.DataObject
) -> None:
    # six logits, labels among few of them: some classes are never true, some never predicted
    n, labels = data.draw(sizes), data.draw(st.integers(1, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    logits, targets = rng.normal(size=(n, 6)), rng.integers(0, labels, n)
    ours = measured(
        metric(average=average), torch.from_numpy(logits), torch.from_numpy(targets), data.draw(cuts)
    )
    theirs = reference(targets, logits.argmax(1), average=average, zero_division=0)
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("metric", "reference"), SCORES)
@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@settings(max_examples=40)
@given(data=st.data())
def test_scores_of_independent_labels_are_scikit_learns(
    metric: type[Metric], reference: Callable[..., float], average: str, data: st.DataObject
) -> None:
    n, threshold = data.draw(sizes), data.draw(st.sampled_from([0.2, 0.5, 0.9]))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    logits = rng.normal(scale=3, size=(n, 4))
    targets = (rng.random((n, 4)) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))).astype(np.int64)
    part = metric(average=average, threshold=threshold)
    ours = measured(part, torch.from_numpy(logits), torch.from_numpy(targets), data.draw(cuts))
    predicted = (1 / (1 + np.exp(-logits)) > threshold).astype(int)
    theirs = reference(targets, predicted, average=average, zero_division=0)
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("metric", "reference"), SCORES)
def test_binary_average_scores_class_one(metric: type[Metric], reference: Callable[..., float]) -> None:
    rng = np.random.default_rng(3)
    two, one, targets = rng.normal(size=(50, 2)), rng.normal(size=50), rng.integers(0, 2, 50)
    part = metric(average="binary")
    assert measured(part, torch.from_numpy(two), torch.from_numpy(targets)) == pytest.approx(
        reference(targets, two.argmax(1))
    )
    assert measured(part, torch.from_numpy(one), torch.from_numpy(targets)) == pytest.approx(
        reference(targets, one > 0)
    )


def test_binary_average_refuses_three_classes() -> None:
    with pytest.raises(ValueError, match="class 1 of two, but the model has 3 outputs"):
        measured(F1(average="binary"), torch.randn(4, 3), torch.tensor([0, 1, 2, 0]))


@settings(max_examples=60)
@given(data=st.data())
def test_accuracies_are_scikit_learns(data: st.DataObject) -> None:
    n, ends = data.draw(sizes), data.draw(cuts)
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    logits, targets = rng.normal(size=(n, 6)), rng.integers(0, 6, n)
    pair = torch.from_numpy(logits), torch.from_numpy(targets)
    assert measured(Accuracy(), *pair, ends) == pytest.approx(sk.accuracy_score(targets, logits.argmax(1)))
    occurring, where = np.unique(targets, return_inverse=True)
    recalls = [np.mean(logits.argmax(1)[where == i] == c) for i, c in enumerate(occurring)]
    assert measured(BalancedAccuracy(), *pair, ends) == pytest.approx(float(np.mean(recalls)))
    for k in (2, 5):
        theirs = sk.top_k_accuracy_score(targets, logits, k=k, labels=range(6))
        assert measured(Accuracy(top_k=k), *pair, ends) == pytest.approx(theirs)


def test_balanced_accuracy_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(300, 5)), rng.choice(5, 300, p=[0.6, 0.2, 0.1, 0.05, 0.05])
    ours = measured(BalancedAccuracy(), torch.from_numpy(logits), torch.from_numpy(targets), [7, 100])
    assert ours == pytest.approx(sk.balanced_accuracy_score(targets, logits.argmax(1)))


def test_accuracy_of_independent_labels_is_that_of_whole_samples() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(200, 2)), rng.integers(0, 2, (200, 2))
    ours = measured(Accuracy(), torch.from_numpy(logits), torch.from_numpy(targets), [13])
    assert ours == pytest.approx(sk.accuracy_score(targets, logits > 0))


ALL: list[Metric] = [
    Accuracy(),
    Accuracy(top_k=2),
    BalancedAccuracy(),
    F1(),
    Precision(average="micro"),
    Recall(),
]


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_ignored_labels_are_as_if_they_were_not_there(metric: Metric) -> None:
    logits, targets = torch.randn(60, 3), torch.randint(0, 3, (60,))
    ignored = targets.clone()
    ignored[::4] = -100
    kept = ignored >= 0
    assert measured(metric, logits, ignored) == measured(metric, logits[kept], targets[kept])


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_positions_count_like_samples(metric: Metric) -> None:
    logits, targets = torch.randn(7, 3, 5, 2), torch.randint(0, 3, (7, 5, 2))
    flat = logits.permute(0, 2, 3, 1).reshape(-1, 3), targets.reshape(-1)
    assert measured(metric, logits, targets, [2]) == measured(metric, *flat)


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_nothing_seen_is_nan(metric: Metric) -> None:
    assert math.isnan(measured(metric, torch.zeros(4, 3), torch.full((4,), -100)))
    assert math.isnan(measured(metric, torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)))


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    "targets", [torch.zeros(8, 1, dtype=torch.int64), torch.zeros(8), torch.zeros(3).long()]
)
def test_targets_that_do_not_fit_are_an_error(metric: Metric, targets: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"compares logits .* but got outputs \(8, 3\)"):
        metric.sums(torch.zeros(8, 3), targets)


def test_more_guesses_than_classes_are_an_error() -> None:
    with pytest.raises(ValueError, match="at most the number of classes, but is 5 for 3"):
        Accuracy(top_k=5).sums(torch.zeros(8, 3), torch.zeros(8).long())
    with pytest.raises(ValueError, match="remove `top_k: 2`"):
        Accuracy(top_k=2).sums(torch.zeros(8, 3), torch.zeros(8, 3).long())


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_half_precision_outputs_are_scored_as_they_are(metric: Metric) -> None:
    logits, targets = torch.randn(64, 3).bfloat16(), torch.randint(0, 3, (64,))
    assert measured(metric, logits, targets) == measured(metric, logits.double(), targets)


def test_scores_equal_torchmetrics() -> None:
    from torchmetrics.functional.classification import multiclass_f1_score

    logits, targets = torch.randn(500, 7), torch.randint(0, 7, (500,))
    theirs: Any = multiclass_f1_score(logits, targets, num_classes=7, average="macro")
    assert measured(F1(), logits, targets, [1, 33, 400]) == pytest.approx(theirs.item(), abs=1e-6)
