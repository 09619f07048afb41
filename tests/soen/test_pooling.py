"""Pooling over time against the original's numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from leyden.soen.torch.pooling import pool, pool_tokens
from tests.soen.circuits import network, some_input
from tests.soen.golden_case import GOLDEN

POOLED = dict(np.load(GOLDEN / "pooling.npz"))
HISTORY = torch.from_numpy(POOLED["history_with_t0"])


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("max", {"method": "max"}),
        ("mean", {"method": "mean"}),
        ("rms", {"method": "rms"}),
        ("final", {"method": "final"}),
        ("mean_last_n_n3", {"method": "mean_last_n", "n": 3}),
        ("mean_range", {"method": "mean_range", "range_start": 2, "range_end": 6}),
        ("none", {"method": "none", "keep_initial": True}),
        ("ewa_min_weight_0.2_f32", {"method": "ewa"}),
        ("ewa_min_weight_0.05_f32", {"method": "ewa", "min_weight": 0.05}),
    ],
)
def test_pooled_states_are_those_of_the_original(key: str, settings) -> None:
    tolerance = 1e-6 if key.endswith("f32") else 1e-12
    np.testing.assert_allclose(pool(HISTORY, scale=2.0, **settings).numpy(), POOLED[key], atol=tolerance)


def test_the_initial_state_is_never_pooled() -> None:
    other = HISTORY.clone()
    other[:, 0] = 100.0
    for method in ("max", "mean", "rms", "final", "mean_last_n", "mean_range", "ewa", "none"):
        settings = {"n": 99} if method == "mean_last_n" else {}
        torch.testing.assert_close(pool(other, method, **settings), pool(HISTORY, method, **settings))


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean `mean`"):
        pool(HISTORY, "meen")


@pytest.mark.parametrize(
    ("method", "settings", "told"),
    [
        ("max", {"n": 3}, "max has no setting n; its settings: none"),
        ("mean_last_n", {"m": 3}, "mean_last_n has no setting m; its settings: n"),
        ("mean_last_n", {"n": -3}, "n must be a whole number from 1 on, but got -3"),
        ("mean_last_n", {"n": 1.5}, "n must be a whole number from 1 on, but got 1.5"),
        ("mean_range", {"range_start": -2}, "range_start must be a whole number from 0 on, but got -2"),
        ("mean_range", {"range_start": 4, "range_end": 2}, "range_start must be below range_end"),
        ("ewa", {"min_weight": 5.0}, "min_weight must be above 0 and up to 1, but got 5.0"),
        ("ewa", {"min_weight": float("nan")}, "min_weight must be above 0 and up to 1, but got nan"),
    ],
)
def test_settings_that_a_method_cannot_follow_are_refused(method: str, settings, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        pool(HISTORY, method, **settings)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"method": "max", "n": 2}, {"method": "mean_last_n", "n": 0}]
)
def test_tokens_of_no_steps_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the pooling\n"):
        pool_tokens(HISTORY, **({"steps": 3} | wrong))


def test_tokens_are_pooled_within_their_steps() -> None:
    history = torch.arange(8.0).view(
        1, 8, 1
    )  # initial state 0, steps 1 to 7: tokens of 3 are (1, 2, 3) and (4, 5, 6)
    expected = {"final": [3, 6], "mean": [2, 5], "max": [3, 6], "mean_last_n": [2.5, 5.5]}
    for method, values in expected.items():
        assert pool_tokens(history, 3, method).flatten().tolist() == values


def test_a_circuit_pools_without_the_initial_state_unless_the_original_is_asked_for() -> None:
    x = some_input(steps=5)
    for compat, steps in ((None, 5), (["pool_initial"], 6)):
        net = network("SingleDendrite", compat=compat)
        history = net(x)
        assert net.pooled(history, "none").shape == (2, steps, 3)
        assert torch.equal(net.pooled(history, "mean_last_n", n=2, scale=3.0), 3 * history[:, -2:].mean(1))
