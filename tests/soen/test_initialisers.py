"""Masks, first weights and first parameter values against what the original drew from the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from leyden.soen import parameters, patterns, weights
from leyden.soen.problems import CircuitError
from leyden.soen.quantization import codebook
from leyden.soen.torch.masks import mask
from leyden.soen.torch.parameters import values
from leyden.soen.torch.weights import weights as draw

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "initialisers.json").read_text())
ARRAYS = dict(np.load(GOLDEN / "initialisers.npz"))


def named(prefix: str) -> list[str]:
    return [key for key in CASES if key.startswith(prefix)]


def generator(case: dict) -> torch.Generator:
    return torch.Generator().manual_seed(case["seed"])


@pytest.mark.parametrize("key", named("mask/"))
def test_masks_are_those_of_the_original(key: str) -> None:
    case = CASES[key]
    params = dict(case["params"])
    own = params.pop("allow_self_connections", True)
    pattern = patterns.PATTERNS[case["kind"]].model_validate(params)
    drawn = mask(pattern, case["from_nodes"], case["to_nodes"], generator(case), internal=False, own=own)
    np.testing.assert_array_equal(drawn.numpy(), ARRAYS[key])


@pytest.mark.parametrize("key", named("weight/"))
def test_first_weights_are_those_of_the_original(key: str) -> None:
    case = CASES[key]
    rng = generator(case)
    connected = mask(
        patterns.Sparse(sparsity=case["sparsity"]), case["from_nodes"], case["to_nodes"], rng, internal=False
    )
    initialiser = weights.INITIALISERS[case["init"]].model_validate(case["params"])
    np.testing.assert_allclose(draw(initialiser, connected, rng).numpy(), ARRAYS[key], atol=1e-7, rtol=0)


@pytest.mark.parametrize("key", named("param/"))
def test_first_parameters_are_those_of_the_original(key: str) -> None:
    case = CASES[key]
    distribution = parameters.DISTRIBUTIONS[case["method"]].model_validate(case["params"])
    np.testing.assert_allclose(
        values(distribution, case["width"], generator(case)).numpy(), ARRAYS[key], rtol=1e-6
    )


@pytest.mark.parametrize("key", named("codebook/"))
def test_codebooks_are_those_of_the_original(key: str) -> None:
    case = CASES[key]
    levels = case["levels"] if "levels" in case else 2 ** case["bits"] + 1
    np.testing.assert_allclose(codebook(case["min_val"], case["max_val"], levels), ARRAYS[key], atol=1e-7)


def test_equally_spaced_weights_go_from_zero_to_one_where_nothing_else_is_said() -> None:
    drawn = draw(weights.Linear(), torch.ones(2, 3), torch.Generator())
    torch.testing.assert_close(drawn, torch.linspace(0.0, 1.0, 6).view(2, 3))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"block_size": 2}, "fan_out makes 2 values, but 4 fan-outs are counted"),
        ({"node_fan_outs": [1.0, 2.0]}, "fan_out makes 4 values, but 2 fan-outs are given"),
        ({"block_size": 3}, "block_size must divide the number of nodes, 4"),
    ],
)
def test_fan_outs_that_do_not_fit_are_refused(settings: dict, match: str) -> None:
    with pytest.raises(CircuitError, match=match):
        values(parameters.FanOut(**settings), 4, torch.Generator(), torch.ones(4))


def test_a_tier_of_no_share_adds_no_connections() -> None:
    pattern = patterns.HierarchicalBlocks(levels=2, base_size=2, tier_fractions=[1.0, 0.0])
    drawn = mask(pattern, 4, 4, torch.Generator(), internal=False)
    assert torch.equal(drawn, torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)))
