"""Weights on a few levels: codebooks that always end, snapping, and gradients through it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leyden import soen
from leyden.soen.torch.quantize import snap, snap_randomly, straight_through
from tests.soen.circuits import generator, some_input, tree

BOUND = st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 3))


@given(low=BOUND, width=st.floats(0, 2).map(lambda x: round(x, 3)), levels=st.integers(1, 40))
def test_every_codebook_ends_with_a_zero_and_no_more_levels_than_asked_for(low, width, levels) -> None:
    book = soen.codebook(low, low + width, levels)
    assert 0.0 in book and len(book) <= max(levels, 1)
    assert (np.diff(book) > 0).all()
    assert len(book) == levels or width == 0 or levels == 2


@pytest.mark.parametrize(("low", "high", "levels"), [(0.0, 0.24, 9), (-0.24, 0.0, 9), (0.1, 0.1, 4)])
def test_one_sided_ranges_on_which_the_original_never_returns(low, high, levels) -> None:
    book = soen.codebook(low, high, levels)
    assert book.min() == min(low, 0.0) and book.max() == max(high, 0.0)


def test_weights_snap_to_the_nearest_level_and_to_the_lower_of_two() -> None:
    book = torch.tensor([-0.5, 0.0, 1.0])
    weights = torch.tensor([-9.0, -0.25, -0.24, 0.5, 0.51, 9.0])
    assert snap(weights, book).tolist() == [-0.5, -0.5, 0.0, 0.0, 1.0, 1.0]


def test_random_rounding_is_right_on_average() -> None:
    book = torch.tensor([-0.5, 0.0, 1.0])
    weights = torch.full((100_000,), 0.3)
    found = snap_randomly(weights, book, generator())
    assert set(found.tolist()) == {0.0, 1.0}
    assert found.mean().item() == pytest.approx(0.3, abs=0.01)
    assert snap_randomly(torch.tensor([-9.0, 9.0]), book, generator()).tolist() == [-0.5, 1.0]


def test_the_gradient_goes_straight_through() -> None:
    weights = torch.tensor([0.2, 0.7], requires_grad=True)
    straight_through(weights, snap(weights, torch.tensor([0.0, 1.0]))).square().sum().backward()
    assert weights.grad.tolist() == [0.0, 2.0]


def quantized(gradient: str = "straight_through", **settings):
    wanted = {"min": -0.2, "max": 0.2, "bits": 2, "gradient": gradient, **settings}
    return soen.build(tree("Linear", "Linear") | {"quantization": wanted}, seed=0)


def test_a_network_computes_with_levels_and_keeps_its_weights() -> None:
    net, x = quantized(), some_input().float()
    before = net.connections["J_0_to_1"].detach().clone()
    snapped = snap(before, torch.tensor(soen.codebook(-0.2, 0.2, 5)).float())
    torch.testing.assert_close(net.simulate(x).histories[1][:, 1:], x @ snapped.t())
    assert torch.equal(net.connections["J_0_to_1"], before)
    net(x).sum().backward()
    assert net.connections["J_0_to_1"].grad.any()
    static = quantized("none")
    torch.testing.assert_close(static(x), net(x))


def test_only_the_connections_that_are_named_are_quantized() -> None:
    x = some_input().float()
    some, plain = quantized(connections=["J_1_to_2"]), soen.build(tree("Linear", "Linear"), seed=0)
    first = [net.simulate(x) for net in (some, plain)]
    torch.testing.assert_close(first[0].histories[1], first[1].histories[1])
    assert not torch.allclose(first[0].histories[2], first[1].histories[2])


def test_impossible_quantization_is_refused() -> None:
    for settings in ({}, {"bits": 2, "levels": 5}, {"bits": -1}):
        with pytest.raises(ValidationError):
            soen.Quantization(min=-1.0, max=1.0, **settings)
    with pytest.raises(soen.CircuitError, match="J_9_to_9"):
        quantized(connections=["J_9_to_9"])


def test_a_quantized_copy_has_levels_for_good_and_leaves_its_source_alone() -> None:
    from leyden.soen.torch.quantize import quantized as snapped_copy

    net = soen.build(tree("Linear"), seed=0)
    before = net.connections["J_0_to_1"].detach().clone()
    found = snapped_copy(net, soen.Quantization(min=-0.2, max=0.2, levels=3))
    assert torch.isin(found.connections["J_0_to_1"].detach(), torch.tensor([-0.2, 0.0, 0.2])).all()
    assert torch.equal(net.connections["J_0_to_1"], before)


@pytest.mark.parametrize("kind", ["MultiplierNOCC", "SingleDendrite"])
@pytest.mark.parametrize("method", ["layerwise", "stepwise_gauss_seidel"])
def test_a_network_computes_as_its_quantized_copy_does(kind: str, method: str) -> None:
    """Weights of a self connection that become zero no longer count as inputs of a multiplier either."""
    from leyden.soen.torch.quantize import quantized as snapped_copy

    loop = {"from_layer": 1, "to_layer": 1, "params": {"init": {"name": "uniform"}}}
    described = tree(kind, connections=[loop], network_evaluation_method=method)
    wanted = {"min": -1.0, "max": 1.0, "levels": 9}
    net = soen.build(described | {"quantization": wanted}, seed=0).double()
    copied = snapped_copy(soen.build(described, seed=0).double(), soen.Quantization(**wanted))
    assert (copied.connections["J_1_to_1"] == 0).any()
    torch.testing.assert_close(net(some_input()), copied(some_input()), atol=1e-14, rtol=0)
