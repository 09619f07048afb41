"""A circuit is a torch module like any other: in several processes, under transforms, in pieces."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from leyden import soen
from tests.backends.torch.ranks import on_ranks
from tests.soen.circuits import network, some_input, tree
from tests.soen.kernel.test_ways import CIRCUITS
from tests.soen.kernel.test_ways import network as random_network

LOOP = [{"from_layer": 1, "to_layer": 1}]
WICC = {"mode": "WICC", "structure": {"type": "sparse", "params": {"sparsity": 0.6}}}


def circuit(name: str) -> Any:
    _, layers, connections, simulation = CIRCUITS[name]
    return random_network(layers, connections, **simulation)


def every_layer_trained() -> Any:
    """Sources that ignore the bias, a pruned connection, circuits, feedback, an input with parameters."""
    described = tree(
        "SingleDendrite",
        {"layer_type": "MultiplierNOCC", "params": {"source_func": "Heaviside_state_dep"}},
        "LSTM",
        connections=[*LOOP, {"from_layer": 3, "to_layer": 1}],
        network_evaluation_method="stepwise_gauss_seidel",
    )
    described["connections"][1]["params"] = WICC
    described["layers"][0]["layer_type"] = "SingleDendrite"
    return soen.build(described, seed=0).double()


def fitted(model: nn.Module, x: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(4):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def test_every_parameter_that_is_trained_has_a_gradient() -> None:
    for name in CIRCUITS:
        net = circuit(name)
        net(some_input(2, 3, net.input_width)).sum().backward()
        without = [n for n, p in net.named_parameters() if p.requires_grad and p.grad is None]
        assert without == [], name


def test_two_processes_train_the_weights_that_one_trains(tmp_path: Path) -> None:
    x = some_input(batch=6, steps=5)

    def work(rank: int) -> int:
        torch.distributed.init_process_group("gloo")
        net = every_layer_trained()
        fitted(nn.parallel.DistributedDataParallel(net), x[rank::2])
        torch.save(net.state_dict(), tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()
        return 0

    assert on_ranks(2, work) == [0, 0]
    alone = every_layer_trained()
    first = {name: tensor.clone() for name, tensor in alone.state_dict().items()}
    fitted(alone, x)
    moved = [n for n, t in alone.state_dict().items() if not torch.equal(t, first[n])]
    assert {"connections.J_1_to_2", "layers.2.alpha", "connections.J_3_to_1"} <= {*moved}
    for rank in range(2):
        held = torch.load(tmp_path / f"{rank}.pt")
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(held[name], tensor, atol=1e-14, rtol=1e-12, msg=name)


@pytest.mark.parametrize("name", ["recurrent", "WICC", "feedback"])
def test_transforms_of_functions_give_what_autograd_gives(name: str) -> None:
    net = circuit(name)
    x = some_input(3, 4, net.input_width)
    weights = {n: p.detach() for n, p in net.named_parameters()}

    def last(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(net, weights, (x[None],))[0, -1].sum()

    each = torch.func.vmap(torch.func.grad(last), (None, 0))(weights, x)
    for n, sample in enumerate(x):
        net.zero_grad()
        net(sample[None])[0, -1].sum().backward()
        for key, parameter in net.named_parameters():
            torch.testing.assert_close(each[key][n], parameter.grad, atol=1e-12, rtol=1e-10, msg=key)
    jacobian = torch.func.jacrev(lambda x: net(x[None])[0, -1])(x[0])
    expected = torch.autograd.functional.jacobian(lambda x: net(x[None])[0, -1], x[0])
    torch.testing.assert_close(jacobian, expected, atol=1e-13, rtol=1e-10)


class Halved(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 2


def test_parametrized_weights_keep_masks_and_boxes() -> None:
    described = tree({"layer_type": "SingleDendrite", "params": {"source_func": "Heaviside_state_dep"}})
    described["connections"][0]["params"] = {"structure": {"type": "chain"}, "constraints": {"max": 0.05}}
    net, plain = (soen.build(described, seed=1).double() for _ in range(2))
    with torch.no_grad():
        for one in (net, plain):
            one.connections["J_0_to_1"].fill_(0.2)
            one.layer(1).bias_current.fill_(3.0)
        plain.connections["J_0_to_1"].fill_(0.1)
        plain.layer(1).bias_current.fill_(1.5)
    parametrize.register_parametrization(net.connections, "J_0_to_1", Halved())
    parametrize.register_parametrization(net.layer(1), "bias_current", Halved())
    with torch.no_grad():
        net.connections.parametrizations["J_0_to_1"].original.fill_(0.2)
    torch.testing.assert_close(net(some_input()), plain(some_input()), atol=1e-15, rtol=0)
    net(some_input()).sum().backward()
    assert net.connections.parametrizations["J_0_to_1"].original.grad[1, 0] == 0.0  # outside its box


def test_calling_a_circuit_with_other_numbers_leaves_them_as_they_are() -> None:
    net = network("SingleDendrite", "SingleDendrite")
    other = {name: parameter.detach() - 5.0 for name, parameter in net.named_parameters()}
    kept = {name: tensor.clone() for name, tensor in other.items()}
    torch.func.functional_call(net, other, (some_input(),))
    for name, tensor in other.items():
        assert torch.equal(tensor, kept[name]), name


def test_a_circuit_runs_and_is_built_where_nothing_is_recorded() -> None:
    net, x = circuit("WICC"), some_input()
    expected = net(x).detach()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            built = circuit("WICC")
            for one in (net, built):
                torch.testing.assert_close(one(x), expected, atol=0, rtol=0)
                assert not one(x).requires_grad
    torch.testing.assert_close(net(x), expected, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["recurrent", "feedback", "WICC", "WICC loop", "other kinds"])
def test_parameters_can_be_kept_from_training_one_by_one(name: str) -> None:
    net = circuit(name)
    x = some_input(3, 4, net.input_width)
    net(x).square().sum().backward()
    whole = {n: p.grad for n, p in net.named_parameters()}
    for kept, parameter in net.named_parameters():
        net.zero_grad()
        parameter.requires_grad_(False)
        net(x).square().sum().backward()
        parameter.requires_grad_(True)
        for other, one in net.named_parameters():
            if other == kept:
                assert one.grad is None
            elif whole[other] is not None:
                torch.testing.assert_close(one.grad, whole[other], atol=1e-12, rtol=1e-12)


def test_a_state_dictionary_goes_through_a_file_and_back_in_either_precision() -> None:
    net, other = circuit("feedback"), circuit("feedback")
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.01)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    x = some_input()
    torch.testing.assert_close(other(x), net(x), atol=0, rtol=0)
    single = other.float()(x)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), net(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(other.double()(x), net(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_whatever_asks_for_it(dtype: torch.dtype) -> None:
    net, x = network("SingleDendrite").float(), some_input().float()
    with torch.autocast("cpu", dtype=dtype), pytest.raises(soen.CircuitError, match="32-true or 64-true"):
        net(x)
    with torch.autocast("cpu", dtype=dtype, enabled=False):
        torch.testing.assert_close(net(x.to(dtype)), net(x.to(dtype).float()), atol=0, rtol=0)
    with pytest.raises(soen.CircuitError, match="no autocast"):
        net.to(dtype)(x)
