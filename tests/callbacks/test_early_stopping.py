"""Early stopping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping as Reference

from leyden.callbacks.early_stopping import EarlyStopping, MissingMetricError
from tests.callbacks.fake import FakeFit


def stops_after(values: list[float], **settings: Any) -> int | None:
    """Which value ends the run."""
    callback, fit = EarlyStopping(monitor="val/loss", **settings), FakeFit()
    for number, value in enumerate(values):
        callback.on_validation_end(fit, {"val/loss": value})
        if fit.reason:
            return number
    return None


def reference_stops_after(values: list[float], **settings: Any) -> int | None:
    reference = Reference("val/loss", **settings)
    for number, value in enumerate(values):
        stop, _ = reference._evaluate_stopping_criteria(torch.tensor(value, dtype=torch.float64))
        if stop:
            return number
    return None


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 3, "min_delta": 0.3},
        {"patience": 50, "stopping_threshold": 0.0},
        {"patience": 50, "divergence_threshold": 1.2},
        {"patience": 2, "check_finite": False},
    ],
)
def test_stops_where_lightning_does(settings: dict[str, Any], mode: str, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=40).cumsum().tolist()
    values[20] = math.nan
    assert stops_after(values, mode=mode, **settings) == reference_stops_after(values, mode=mode, **settings)


def test_goes_on_where_it_was_after_a_restart() -> None:
    first, second, fit = EarlyStopping(patience=3), EarlyStopping(patience=3), FakeFit()
    for value in (1.0, 2.0, 2.0):
        first.on_validation_end(fit, {"val/loss": value})
    second.restore(first.state())
    assert not fit.reason
    second.on_validation_end(fit, {"val/loss": 2.0})
    assert "did not improve in 3 validations; the best was 1" in fit.reason


def test_a_metric_that_nobody_measures_is_named_with_those_that_are() -> None:
    with pytest.raises(MissingMetricError, match="got val/los; measured are val/accuracy, val/loss"):
        EarlyStopping(monitor="val/los").on_validation_end(FakeFit(), {"val/loss": 1.0, "val/accuracy": 0.5})
