"""Layers that step together: random circuits against single steps, gradients against finite differences."""

from __future__ import annotations

import ctypes
import random
from typing import Any

import pytest
import torch
from torch import Tensor

from leyden import soen
from leyden.soen.kernel import abi, compiler
from leyden.soen.kernel.ways import Way, at_most
from tests.soen.kernel.circuits import edge, layer, network
from tests.soen.kernel.test_ways import GS, JACOBI, NOCC, WICC

SOURCES = ("RateArray", "RateArray", "Heaviside_state_dep", "Tanh", "SimpleGELU", "Telu", "ReLU")
KINDS = ("SingleDendrite", "MultiplierWICC", "MultiplierNOCC", "Soma")
PARAMETERS = {
    "SingleDendrite": ("phi_offset", "gamma_plus"),
    "MultiplierWICC": ("phi_y", "gamma_minus"),
    "MultiplierNOCC": ("phi_y", "alpha", "beta", "beta_out"),
    "Soma": ("threshold", "gamma_minus"),
}


def some_noise(draw: random.Random, kind: str) -> dict[str, Any]:
    """Noise on some of what can be disturbed, or none."""
    if draw.random() < 0.4:
        return {}
    keys = draw.sample(["phi", "g", "s", "bias_current"], 2)
    noise = dict.fromkeys(keys, 0.01) | {"extras": {draw.choice(PARAMETERS[kind]): 0.003}}
    if draw.random() < 0.3:
        return {"noise": noise | {"relative": True}}
    return {"noise": noise, "perturb": {"bias_current_std": 0.01, "s_mean": 0.001}}


def some_layer(draw: random.Random, kind: str) -> dict[str, Any]:
    fast = {"threshold": 0.1, "gamma_plus": 0.02} if kind == "Soma" else {}
    made = layer(kind, draw.choice([1, 3, 8, 17, 33]), source_func=draw.choice(SOURCES), **fast)
    return made | some_noise(draw, kind)


def some_connection(draw: random.Random, source: int, target: int) -> dict[str, Any]:
    mode = draw.choice(["fixed", "fixed", "WICC", "NOCC"])
    params: dict[str, Any] = {"init": {"name": "uniform", "params": {"min": -0.2, "max": 0.2}}, "mode": mode}
    if draw.random() < 0.5:
        params["structure"] = {"type": "sparse", "params": {"sparsity": 0.6}}
    if mode != "fixed":
        params["connection_params"] = {
            "half_flux_offset": draw.random() < 0.3,
            "source_func": draw.choice(SOURCES),
        }
    noise = {"noise": {"j": 0.01}} if draw.random() < 0.3 else {}
    return edge(source, target, params=params, **noise)


def some_circuit(seed: int, kinds: tuple[str, ...] = KINDS) -> Any:
    """Layers of all kinds, connected in all ways, with feedback."""
    draw = random.Random(seed)
    count = draw.choice([1, 2, 3])
    layers = [layer("Linear", 3), *(some_layer(draw, draw.choice(kinds)) for _ in range(count))]
    pairs = [
        (a, b)
        for a in range(count + 1)
        for b in range(1, count + 1)
        if (a, b) == (b - 1, b) or draw.random() < 0.5
    ]
    connections = [some_connection(draw, a, b) for a, b in pairs]
    return network(
        layers,
        connections,
        dt_learnable=True,
        network_evaluation_method=draw.choice([GS, JACOBI]),
        track_phi=True,
        track_g=draw.random() < 0.5,
        out_of_range=draw.choice(["zero", "edge"]),
    )


def some_input(net: Any, batch: int, steps: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, steps, net.input_width, generator=generator, dtype=torch.float64).to(dtype)


def outcome(net: Any, x: Tensor, way: Way) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Everything that a simulation comes to, and gradients of all parameters, the input and first states."""
    x = x.detach().requires_grad_()
    with torch.no_grad():
        known = net.simulate(x[:, :1]).final
    initial = {
        name: torch.linspace(0.0, 0.1, t.numel(), dtype=t.dtype).view_as(t).requires_grad_()
        for name, t in known.items()
        if t.numel()
    }
    with at_most(way):
        simulated = net.simulate(x, initial, torch.Generator().manual_seed(3))
    found = {f"history {i}": t for i, t in simulated.histories.items()}
    found |= {f"phi {i}": t for i, t in simulated.phi.items()} | {f"g {i}": t for i, t in simulated.g.items()}
    found |= simulated.final
    loss = sum((t * torch.cos(torch.arange(t.numel()).view_as(t))).sum() for t in found.values())
    leaves = {"x": x} | initial | {n: p for n, p in net.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(loss, [*leaves.values()], allow_unused=True, materialize_grads=True)
    return {n: t.detach() for n, t in found.items()}, dict(zip(leaves, gradients, strict=True))


@pytest.mark.parametrize("seed", range(60))
def test_random_circuits_come_to_what_single_steps_come_to(seed: int) -> None:
    net = some_circuit(seed)
    assert "step by step" not in soen.explain(net)
    x = some_input(net, *random.Random(seed).choice([(3, 12), (1, 1), (34, 5), (2, 40)]))
    found, expected = outcome(net, x, "compiled"), outcome(net, x, "steps")
    assert found[0].keys() == expected[0].keys()
    for name, tensor in expected[0].items():
        torch.testing.assert_close(found[0][name], tensor, atol=1e-12, rtol=1e-12, msg=name)
    for name, gradient in expected[1].items():
        scale = 1.0 + float(gradient.abs().max())
        torch.testing.assert_close(found[1][name], gradient, atol=1e-10 * scale, rtol=0, msg=name)


def leave_defaults(net: Any) -> None:
    """Move all parameters a little: defaults lie where cells of the table meet, and slopes have two sides."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.003)


@pytest.mark.parametrize("seed", range(8))
def test_gradients_are_those_of_finite_differences(seed: int) -> None:
    # the derivative of a spike is none, so no somas
    net, draws = some_circuit(seed, KINDS[:3]), random.Random(seed)
    for one in net.ordered:
        one.levels = type(one.levels)()
    net.levels = {key: type(levels)() for key, levels in net.levels.items()}
    leave_defaults(net)
    x = some_input(net, 2, 3).requires_grad_()
    chosen = draws.sample([n for n, p in net.named_parameters() if p.requires_grad], 3)
    leaves = [net.get_parameter(n).detach().clone().requires_grad_() for n in chosen]

    def run(x: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
        names = dict(zip(chosen, leaves, strict=True))
        simulated = torch.func.functional_call(
            Simulation(net), {f"net.{n}": t for n, t in names.items()}, (x,)
        )
        return tuple(simulated)

    assert torch.autograd.gradcheck(run, (x, *leaves), eps=1e-7, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("back", [{}, WICC, NOCC], ids=["matrix", "WICC", "NOCC"])
@pytest.mark.parametrize("method", [GS, JACOBI])
def test_the_gradient_of_the_time_step_is_that_of_finite_differences(
    kind: str, back: dict[str, Any], method: str
) -> None:
    layers = [layer("Linear", 3), layer(kind, 4), layer("SingleDendrite", 3)]
    ways = [edge(0, 1), edge(1, 2), edge(1, 1), edge(2, 1, **back)]
    net = network(layers, ways, dt_learnable=True, network_evaluation_method=method)
    assert "layers 1, 2 together: compiled kernel" in soen.explain(net)
    leave_defaults(net)
    x = some_input(net, 2, 6)

    def run(dt: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.func.functional_call(Simulation(net), {"net.dt": dt}, (x,)))

    assert torch.autograd.gradcheck(run, net.dt.detach().requires_grad_(), eps=1e-5, atol=1e-8, rtol=1e-6)


class Simulation(torch.nn.Module):
    """All results of a network as a flat tuple."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        simulated = self.net.simulate(x)
        return (*simulated.histories.values(), *(t for t in simulated.final.values() if t.numel()))


@pytest.mark.parametrize("seed", range(0, 60, 7))
def test_single_precision_is_double_precision_rounded(seed: int) -> None:
    net = some_circuit(seed, ("SingleDendrite", "MultiplierNOCC"))
    for one in net.ordered:  # both precisions draw other numbers
        one.levels = type(one.levels)()
    net.levels = {key: type(levels)() for key, levels in net.levels.items()}
    x = some_input(net, 5, 20)
    exact = net(x)
    found = net.float()(x.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", compiler.VARIANTS, ids=lambda v: v.name)
def test_every_variant_computes_the_same(variant: compiler.Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiler.runs(variant):
        pytest.skip(f"this processor does not run {variant.name}")
    folder = compiler.writable(compiler.cache_folder())
    file = folder / compiler.file_name(variant)
    loaded = ctypes.CDLL(str(file if file.is_file() else compiler.compiled(variant, folder)))
    monkeypatch.setattr(abi, "library", lambda: abi.Library(loaded))
    for seed in (2, 3, 5):
        net = some_circuit(seed)
        x = some_input(net, 3, 12)
        found, expected = outcome(net, x, "compiled"), outcome(net, x, "steps")
        for name, tensor in (expected[0] | expected[1]).items():
            scale = 1.0 + float(tensor.abs().max())
            torch.testing.assert_close(
                (found[0] | found[1])[name], tensor, atol=1e-10 * scale, rtol=0, msg=name
            )
        x, net = x.float(), net.float()
        assert all(t.isfinite().all() for t in (outcome(net, x, "compiled")[1]).values())


def test_threads_change_nothing() -> None:
    net = some_circuit(5)
    x, before = some_input(net, 70, 200), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(outcome(net, x, "compiled"))
    finally:
        torch.set_num_threads(before)
    (one, one_gradients), (three, three_gradients) = results
    for name, tensor in one.items():
        torch.testing.assert_close(three[name], tensor, atol=1e-13, rtol=1e-13)
    for name, gradient in one_gradients.items():
        torch.testing.assert_close(three_gradients[name], gradient, atol=1e-11, rtol=1e-11)


def test_strided_input_is_taken_and_left_as_it_is() -> None:
    net = network([layer("MultiplierNOCC", 5)], [edge(0, 0)], input_type="flux")
    x = some_input(net, 4, 9)
    expected = net(x)
    for same in (
        x.transpose(0, 1).contiguous().transpose(0, 1),
        torch.cat([x, x], 1)[:, :9],
        x.flip(2).flip(2),
    ):
        before = same.clone()
        assert torch.equal(net(same), expected)
        assert torch.equal(same, before)
    net(x).sum().backward()  # an expanded gradient


def test_the_same_forward_can_be_differentiated_twice() -> None:
    net = network(
        [layer("Linear", 3), layer("MultiplierNOCC", 5) | {"noise": {"phi": 0.1, "relative": True}}],
        [edge(0, 1), edge(1, 1)],
        network_evaluation_method=GS,
    )
    loss = net(some_input(net, 2, 6)).sum()
    weight = net.connections["J_1_to_1"]
    first, second = (torch.autograd.grad(loss, weight, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_without_gradients_nothing_but_histories_is_kept_and_they_are_the_same() -> None:
    net = some_circuit(5)
    x = some_input(net, 3, 12)
    recorded = net.simulate(x, {}, torch.Generator().manual_seed(3))
    with torch.no_grad():
        plain = net.simulate(x, {}, torch.Generator().manual_seed(3))
    for name, state in recorded.final.items():
        assert torch.equal(plain.final[name], state)
    assert torch.equal(plain.output, recorded.output)
