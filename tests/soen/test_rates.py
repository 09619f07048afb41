"""A network looks up the table that it has now, however it came to it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from leyden import soen
from leyden.soen.kernel.ways import Way, at_most
from leyden.soen.torch.network import Network

WAYS: tuple[Way, ...] = ("compiled", "fused", "steps")
TREE: dict[str, Any] = {
    "layers": [
        {"layer_id": 0, "layer_type": "Linear", "params": {"dim": 2}},
        {"layer_id": 1, "layer_type": "SingleDendrite", "params": {"dim": 3, "source_func": "RateArray"}},
    ],
    "connections": [
        {"from_layer": 0, "to_layer": 1, "params": {"init": {"name": "constant", "params": {"value": 0.2}}}}
    ],
}


@pytest.fixture
def network() -> Network:
    return soen.build(TREE, seed=0)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(0))


def first_step(network: Network, x: Tensor) -> Tensor:
    """What the source function gives in the first step, from states at rest, in units of the drive."""
    with torch.no_grad():
        return network(x)[:, 1]


@pytest.mark.parametrize("way", WAYS)
def test_a_table_that_is_written_to_counts_at_once(way: Way, network: Network, x: Tensor) -> None:
    with at_most(way):
        before = first_step(network, x)
        with torch.no_grad():
            network.rate_table.mul_(0.5)
        torch.testing.assert_close(first_step(network, x), 0.5 * before)
        network.rate_table = network.rate_table * 4
        torch.testing.assert_close(first_step(network, x), 2 * before)


def test_a_copy_looks_its_own_table_up(network: Network, x: Tensor) -> None:
    before = first_step(network, x)
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.rate_table.zero_()
    assert before.abs().max() > 0 and not first_step(other, x).any()
    assert torch.equal(first_step(network, x), before)


def test_a_table_that_is_learnt_has_a_gradient_in_every_forward(network: Network, x: Tensor) -> None:
    network(x)
    network.rate_table.requires_grad_()
    found: list[Tensor] = []
    for _ in range(2):
        network(x).sum().backward()
        gradient = network.rate_table.grad
        assert gradient is not None
        found.append(gradient.clone())
        gradient.zero_()
    assert found[0].abs().max() > 0 and torch.equal(*found)


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_was_used_for_inference_can_be_trained(way: Way, network: Network, x: Tensor) -> None:
    with at_most(way):
        with torch.inference_mode():
            network(x)
        network(x).sum().backward()
    assert network.connections["J_0_to_1"].grad is not None


def test_a_network_in_double_precision_has_the_table_in_it(network: Network, x: Tensor) -> None:
    before = first_step(network, x)
    again = first_step(network.double(), x.double())
    assert again.dtype == torch.float64
    torch.testing.assert_close(again.float(), before)


def test_a_forward_inside_a_transform_leaves_the_next_one_alone(network: Network, x: Tensor) -> None:
    expected = soen.build(TREE, seed=0)(x)
    torch.func.vjp(network, x)
    assert torch.equal(network(x), expected)


def test_a_forward_of_fake_tensors_leaves_the_next_one_alone(network: Network, x: Tensor) -> None:
    expected = soen.build(TREE, seed=0)(x)
    with FakeTensorMode(allow_non_fake_inputs=True), at_most("steps"):
        network(x)
    assert torch.equal(network(x), expected)
