"""Regression metrics equal scikit-learn's, however ragged the batches that they are added up from."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leyden.metrics.mae import MeanAbsoluteError
from leyden.metrics.metric import Metric
from leyden.metrics.mse import MeanSquaredError
from leyden.metrics.r2 import RSquared
from leyden.metrics.rmse import RootMeanSquaredError

METRICS: list[Metric] = [MeanAbsoluteError(), MeanSquaredError(), RootMeanSquaredError(), RSquared()]
REFERENCES = [sk.mean_absolute_error, sk.mean_squared_error, sk.root_mean_squared_error, sk.r2_score]


def measured(
    metric: Metric, outputs: torch.Tensor, targets: torch.Tensor, cuts: list[int] | None = None
) -> float:
    """The metric from batches that end at ``cuts``."""
    edges = [0, *sorted(min(c, len(outputs)) for c in cuts or []), len(outputs)]
    batches = [metric.sums(outputs[a:b], targets[a:b]) for a, b in pairwise(edges)]
    assert all(s.ndim == 1 and s.dtype == torch.float64 for s in batches)
    return metric.compute(torch.stack(batches).sum(0).numpy())


@pytest.mark.parametrize(("metric", "reference"), list(zip(METRICS, REFERENCES, strict=True)))
@settings(max_examples=40)
@given(
    n=st.integers(2, 40),
    width=st.sampled_from([None, 1]),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    seed=st.integers(0, 9999),
    offset=st.sampled_from([0.0, -3.0, 100.0]),
)
def test_regression_metrics_are_scikit_learns(
    metric: Metric, reference: object, n: int, width: int | None, cuts: list[int], seed: int, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    shape = (n,) if width is None else (n, width)
    targets = rng.normal(size=shape) + offset
    outputs = targets + rng.normal(scale=0.5, size=shape)
    ours = measured(metric, torch.from_numpy(outputs), torch.from_numpy(targets), cuts)
    assert ours == pytest.approx(reference(targets, outputs), rel=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("metric", "reference"), [(METRICS[i], REFERENCES[i]) for i in (0, 1, 3)], ids=["mae", "mse", "r2"]
)
def test_several_outputs_are_averaged_uniformly(metric: Metric, reference: object) -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(90, 3)) * [1.0, 10.0, 0.1]
    outputs = targets + rng.normal(size=(90, 3))
    ours = measured(metric, torch.from_numpy(outputs), torch.from_numpy(targets), [11, 60])
    assert ours == pytest.approx(reference(targets, outputs))  # type: ignore[operator]


def test_rmse_is_the_root_over_all_elements() -> None:
    outputs, targets = torch.tensor([3.0, 0.0, 0.0]), torch.zeros(3)
    assert measured(RootMeanSquaredError(), outputs, targets, [1]) == pytest.approx(math.sqrt(9 / 3))


def test_float32_targets_with_a_large_mean_keep_r2() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = (torch.randn(20_000, generator=generator) + 1e4).float()
    outputs = targets + torch.randn(20_000, generator=generator) * 0.1
    cuts = list(range(0, 20_000, 32))
    expected = sk.r2_score(targets.double().numpy(), outputs.double().numpy())
    assert measured(RSquared(), outputs, targets, cuts) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e6])
def test_r2_of_targets_that_do_not_vary_is_nan(value: float) -> None:
    targets = torch.full((1000,), value)
    assert math.isnan(measured(RSquared(), torch.randn(1000), targets, [3, 500]))
    assert math.isnan(measured(RSquared(), torch.randn(1), targets[:1]))


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: type(m).__name__)
def test_nothing_seen_is_nan(metric: Metric) -> None:
    assert math.isnan(measured(metric, torch.zeros(0, 1), torch.zeros(0, 1)))


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: type(m).__name__)
def test_a_missing_dimension_never_broadcasts(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"one shape, but got outputs \(8, 1\) and targets \(8,\)"):
        metric.sums(torch.zeros(8, 1), torch.zeros(8))


def test_errors_are_better_when_lower() -> None:
    assert [m.higher_is_better for m in METRICS] == [False, False, False, True]
