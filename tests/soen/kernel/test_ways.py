"""Whole circuits come to the same whatever way computes them, and the choice of the way is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from leyden import soen
from leyden.soen.kernel import abi, chain, ways
from leyden.soen.kernel.segments import together
from leyden.soen.kernel.ways import at_most
from tests.soen.golden_case import NAMES, Case
from tests.soen.kernel.circuits import edge, layer, network

SD = "SingleDendrite"


def dendrites(source: str = "RateArray", **rest: Any) -> list[dict[str, Any]]:
    return [layer("Linear", 3), layer(SD, 5, source_func=source) | rest, layer(SD, 4, source_func=source)]


def loop(**rest: Any) -> list[dict[str, Any]]:
    return [edge(0, 1), edge(1, 2), edge(1, 1, **rest)]


WICC = {"params": {"mode": "WICC", "init": {"name": "uniform", "params": {"min": 0.1, "max": 0.2}}}}
NOCC = {"params": {"mode": "NOCC", "init": {"name": "uniform", "params": {"min": 0.1, "max": 0.2}}}}
HALF = {"params": WICC["params"] | {"connection_params": {"half_flux_offset": True, "j_in": 0.5}}}
SPARSE = {"params": NOCC["params"] | {"structure": {"type": "sparse", "params": {"sparsity": 0.5}}}}
FEEDBACK = [*loop(), edge(2, 1), edge(0, 2)]
GS, JACOBI = "stepwise_gauss_seidel", "stepwise_jacobi"

RELATIVE = {"s": 0.01, "g": 0.02, "phi": 0.1, "bias_current": 0.01, "relative": True}
PARAMETERS = {"bias_current": 0.01, "extras": {"phi_y": 0.01, "beta": 1.0}}


def noisy(connections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [c | {"noise": {"j": 0.02}, "perturb": {"j_mean": 0.01}} for c in connections]


def multipliers(**rest: Any) -> list[dict[str, Any]]:
    return [layer("Linear", 3), layer("MultiplierNOCC", 5) | rest, layer(SD, 4)]


def somas(**rest: Any) -> list[dict[str, Any]]:
    fast = {"gamma_plus": 0.02, "gamma_minus": 0.005, "threshold": 0.2}
    return [layer("Linear", 3), layer("Soma", 5, **fast) | rest, layer(SD, 4)]


def everything() -> list[dict[str, Any]]:
    offsets = {"g_std": 0.02, "bias_current_mean": 0.01, "phi_std": 0.02}
    return [
        layer("Linear", 3) | {"noise": {"s": 0.02}},
        layer("MultiplierNOCC", 5) | {"noise": {"s": 0.01, "g": 0.02} | PARAMETERS, "perturb": offsets},
        layer("Soma", 4, threshold=0.2, gamma_plus=0.02) | {"noise": RELATIVE},
    ]


THROUGH = [edge(0, 1, **NOCC), edge(1, 2), edge(1, 1, **SPARSE), edge(2, 2, **WICC), edge(2, 1, **HALF)]
AMID: list[Any] = [
    layer("Linear", 3),
    layer("ScalingLayer", 5),
    layer(SD, 4),
    layer(SD, 3),
    layer("Softmax", 2),
]
KERNEL, STEPS = "compiled kernel", "step by step"
INTO = [edge(0, 1), edge(1, 2)]
SEEN = {"track_phi": True, "track_g": True}
SWEEP, LATE = {"network_evaluation_method": GS}, {"network_evaluation_method": JACOBI}

#: name -> the way that its slowest part takes, layers, connections, simulation
LEAN: dict[str, tuple[str, list[Any], list[Any], dict[str, Any]]] = {
    "recurrent": (KERNEL, dendrites(), loop(), {}),
    "recorded": (KERNEL, dendrites(), loop(), SEEN),
    "heaviside": (KERNEL, dendrites("Heaviside_state_dep"), loop(), {}),
    "flux input": (KERNEL, dendrites()[1:], [edge(0, 1)], {"input_type": "flux"}),
    "edge of the table": (
        KERNEL,
        [layer("Linear", 3), layer(SD, 5, bias_current=2.7)],
        [edge(0, 1)],
        {"out_of_range": "edge"},
    ),
    "multiplier": (KERNEL, [layer("Linear", 3), layer("MultiplierWICC", 5)], [edge(0, 1), edge(1, 1)], SEEN),
    "learnable time step": (KERNEL, dendrites(), loop(), {"dt_learnable": True}),
    "noise": (KERNEL, dendrites(noise={"s": 0.01, "g": 0.02}), loop(), SEEN),
    "offsets": (KERNEL, dendrites(perturb={"s_std": 0.01, "phi_mean": 0.02}), loop(), {}),
    "learnable time step of a multiplier loop": (KERNEL, dendrites(), loop(**WICC), {"dt_learnable": True}),
    "learnable time step of connections": (
        KERNEL,
        dendrites(),
        [edge(0, 1, **WICC), edge(1, 2, **SPARSE)],
        {"dt_learnable": True},
    ),
    "other kinds": (KERNEL, [layer("Linear", 3), layer("GRU", 5), layer(SD, 4)], INTO, {}),
    "WICC": (KERNEL, dendrites(), [edge(0, 1, **WICC), edge(1, 2, **HALF)], {}),
    "NOCC": (KERNEL, dendrites(), [edge(0, 1, **NOCC), edge(1, 2, **SPARSE)], {}),
    "stepwise": (KERNEL, dendrites(), loop(), SWEEP | SEEN),
    "Jacobi": (KERNEL, dendrites(), [edge(0, 1), edge(1, 2, **WICC)], LATE),
    "feedback": (KERNEL, dendrites(), FEEDBACK, SWEEP | SEEN),
    "Jacobi feedback": (KERNEL, dendrites(), FEEDBACK, LATE | SEEN),
    "feedback of flux input": (
        KERNEL,
        dendrites()[1:],
        [edge(0, 1), edge(1, 0)],
        SWEEP | {"input_type": "flux"},
    ),
    "feedback amid other kinds": (
        KERNEL,
        AMID,
        [*INTO, edge(2, 3), edge(3, 2), edge(3, 4), edge(1, 4)],
        SWEEP,
    ),
    "late feedback amid other kinds": (
        KERNEL,
        AMID,
        [edge(0, 1), edge(1, 2), edge(2, 3), edge(3, 2), edge(2, 4)],
        LATE,
    ),
    "feedback of other kinds": (STEPS, [*dendrites()[:2], layer("Readout", 4)], FEEDBACK, SWEEP),
    "early stopping": (STEPS, dendrites(), loop(), SWEEP | {"early_stopping_forward_pass": True}),
}

#: what the lean loop leaves to the one for everything
RICH: dict[str, tuple[str, list[Any], list[Any], dict[str, Any]]] = {
    "noisy parameters": (KERNEL, dendrites(noise={"bias_current": 0.01}), loop(), SEEN),
    "relative noise": (KERNEL, dendrites(noise=RELATIVE), loop(), SEEN),
    "noisy weights": (KERNEL, dendrites(), loop(noise={"j": 0.01}), {}),
    "noisy connections": (
        KERNEL,
        dendrites(),
        noisy([edge(0, 1, **WICC), edge(1, 2, **NOCC), edge(1, 1)]),
        {},
    ),
    "noisy multiplier loop": (KERNEL, dendrites(), noisy([*INTO, edge(1, 1, **NOCC)]), {}),
    "WICC loop": (KERNEL, dendrites(), loop(**WICC), SEEN),
    "NOCC loop": (KERNEL, dendrites(), loop(**NOCC), {}),
    "sparse loop": (KERNEL, dendrites(), loop(**SPARSE), {}),
    "multipliers": (KERNEL, multipliers(), INTO, SEEN),
    "recurrent multipliers": (KERNEL, multipliers(), loop(), SEEN),
    "noisy multipliers": (KERNEL, multipliers(noise={"s": 0.01, "g": 0.02} | PARAMETERS), loop(), SEEN),
    "relatively noisy multipliers": (KERNEL, multipliers(noise=RELATIVE), loop(), SEEN),
    "multipliers in a multiplier loop": (KERNEL, multipliers(), loop(**NOCC), {}),
    "learnable time step of multipliers": (KERNEL, multipliers(), loop(), {"dt_learnable": True}),
    "somas": (KERNEL, somas(), INTO, SEEN),
    "recurrent somas": (KERNEL, somas(), loop(), SEEN),
    "noisy somas": (KERNEL, somas(noise={"s": 0.01, "extras": {"threshold": 0.02}}), loop(), SEEN),
    "somas in a multiplier loop": (KERNEL, somas(), loop(**WICC), {}),
    "feedback through multipliers": (KERNEL, dendrites(), [*loop(), edge(2, 1, **WICC)], SWEEP | SEEN),
    "late feedback through multipliers": (KERNEL, dendrites(), THROUGH, LATE | SEEN),
    "feedback through everything": (KERNEL, [*multipliers()[:2], layer("Soma", 4)], THROUGH, SWEEP | SEEN),
    "late feedback through everything": (
        KERNEL,
        [*somas()[:2], layer("MultiplierNOCC", 4)],
        THROUGH,
        LATE | SEEN,
    ),
    "noisy feedback": (KERNEL, dendrites(noise={"s": 0.01}), FEEDBACK, SWEEP),
    "noisy everything": (KERNEL, everything(), noisy(THROUGH), SWEEP | SEEN),
    "late noisy everything": (KERNEL, everything(), noisy(THROUGH), LATE | SEEN),
    "noise without feedback": (
        KERNEL,
        [*dendrites(noise=RELATIVE), layer("Readout", 2)],
        [*loop(), edge(2, 3)],
        SWEEP,
    ),
    "learnable time step of feedback": (KERNEL, multipliers(), FEEDBACK, SWEEP | {"dt_learnable": True}),
    "mixed Jacobi": (KERNEL, [*dendrites()[:2], layer(SD, 4, source_func="Tanh")], FEEDBACK, LATE),
}


def cells(kind: str, **rest: Any) -> list[dict[str, Any]]:
    return [layer("Linear", 3), layer(kind, 5) | rest, layer(SD, 4)]


#: recurrent cells, which kernels for whole sequences serve, or not
CELLS: dict[str, tuple[str, list[Any], list[Any], dict[str, Any]]] = {
    **{kind: (KERNEL, cells(kind), INTO, SEEN) for kind in ("RNN", "GRU", "LSTM", "MinGRU", "LeakyGRU")},
    **{f"recurrent {kind}": (KERNEL, cells(kind), loop(), SEEN) for kind in ("RNN", "LSTM", "LeakyGRU")},
    **{f"recurrent {kind}": (STEPS, cells(kind), loop(), SEEN) for kind in ("GRU", "MinGRU")},
    **{f"noisy {kind}": (KERNEL, cells(kind, noise={"s": 0.1}), INTO, {}) for kind in ("RNN", "GRU", "LSTM")},
    "noisy recurrent RNN": (STEPS, cells("RNN", noise={"s": 0.1}), loop(), {}),
    "noisy recurrent LeakyGRU": (STEPS, cells("LeakyGRU", noise={"s": 0.1, "phi": 0.1}), loop(), {}),
    "LeakyGRU with noisy parameters": (
        STEPS,
        cells("LeakyGRU", noise={"extras": {"decay_bias": 0.1}}),
        loop(),
        {},
    ),
    "RNN with relative noise": (KERNEL, cells("RNN", noise={"s": 0.1, "relative": True}), INTO, {}),
    "LeakyGRU with relative noise": (KERNEL, cells("LeakyGRU", noise={"s": 0.1, "relative": True}), INTO, {}),
}
CIRCUITS = LEAN | RICH | CELLS


def outcome(net: Any, way: ways.Way) -> tuple[Any, dict[str, torch.Tensor]]:
    """A simulation from states that are not zero, and the gradients of its last layer."""
    x = torch.rand(
        3,
        40,
        3 if net.input_width == 3 else 5,
        generator=torch.Generator().manual_seed(1),
        dtype=torch.float64,
    )
    initial: dict[Any, torch.Tensor] = {}
    if len(net.ordered) > 2:
        initial[2] = torch.full((4,), 0.05, dtype=torch.float64)
        initial[1] = torch.full((5,), 0.03, dtype=torch.float64)
        if "h" in net.layer(1).hidden:  # what is carried on is not what was shown
            initial["layer_1.h"] = torch.full((5,), -0.02, dtype=torch.float64)
    with at_most(way):
        simulated = net.simulate(x, initial, torch.Generator().manual_seed(7))
        leaves = {n: p for n, p in net.named_parameters() if p.requires_grad}
        loss = (
            simulated.output * torch.cos(torch.arange(simulated.output.numel()).view_as(simulated.output))
        ).sum()
        for state in simulated.final.values():
            loss = loss + state.square().sum()
        found = torch.autograd.grad(loss, [*leaves.values()], allow_unused=True, materialize_grads=True)
    return simulated, dict(zip(leaves, found, strict=True))


@pytest.mark.parametrize("way", ["compiled", "fused"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_every_way_comes_to_the_same(name: str, way: ways.Way) -> None:
    _, layers, connections, simulation = CIRCUITS[name]
    net = network(layers, connections, **simulation)
    found, expected = outcome(net, way), outcome(net, "steps")
    for recorded in ("histories", "final", "phi", "g"):
        pairs = getattr(found[0], recorded), getattr(expected[0], recorded)
        assert pairs[0].keys() == pairs[1].keys()
        for key, tensor in pairs[1].items():
            torch.testing.assert_close(pairs[0][key], tensor, atol=1e-11, rtol=0, msg=f"{recorded} {key}")
    for key, gradient in expected[1].items():
        scale = 1 + float(gradient.abs().max())
        torch.testing.assert_close(found[1][key], gradient, atol=1e-10 * scale, rtol=0, msg=key)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "LeakyGRU"])
def test_cells_in_single_precision_have_the_gradients_of_steps(kind: str) -> None:
    net = network(cells(kind)[:2], [edge(0, 1)]).float()
    x, found = torch.rand(3, 20, 3), list[tuple[torch.Tensor, ...]]()
    for way in ("compiled", "steps"):
        with at_most(way):
            leaves = [p for p in net.parameters() if p.requires_grad]
            found.append(
                torch.autograd.grad(net(x).square().sum(), leaves, allow_unused=True, materialize_grads=True)
            )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_slowest_part_takes_the_way_that_is_told(name: str) -> None:
    expected, layers, connections, simulation = CIRCUITS[name]
    text = soen.explain(network(layers, connections, **simulation))
    assert (STEPS if STEPS in text else KERNEL) == expected, text
    assert ("because" in text) == (expected == STEPS), text


def test_layers_run_in_one_call_as_far_as_nothing_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def watched(segments: Any, *rest: Any) -> Any:
        calls.append(len(segments))
        return together(segments, *rest)

    monkeypatch.setattr(chain, "together", watched)
    four = [layer("Linear", 3), *(layer(SD, n) for n in (5, 4, 6, 4))]
    through = [edge(0, 1), edge(1, 2), edge(2, 3), edge(3, 4), edge(1, 4), edge(0, 3)]
    net = network(four, through)
    assert "layer 4 (SingleDendrite): compiled kernel" in soen.explain(net)
    found, expected = outcome(net, "compiled"), outcome(net, "steps")
    assert calls == [4]
    for key, gradient in expected[1].items():
        scale = 1 + float(gradient.abs().max())
        torch.testing.assert_close(found[1][key], gradient, atol=1e-10 * scale, rtol=0, msg=key)
    calls.clear()
    outcome(network(four, [edge(0, 1), edge(1, 2), edge(2, 3, **WICC), edge(3, 4)]), "compiled")
    assert calls == [2, 2]


def test_gradients_reach_the_input_and_every_history_of_a_chain() -> None:
    net = network(dendrites(), [*loop(), edge(0, 2)])
    x = torch.rand(3, 40, 3, dtype=torch.float64, requires_grad=True)
    found: list[Any] = []
    for way in ("compiled", "steps"):
        with at_most(way):
            histories = net.simulate(x).histories
        loss = sum(((n + 1) * h.square()).sum() for n, h in histories.items())
        found.append(torch.autograd.grad(loss, x)[0])
    torch.testing.assert_close(found[0], found[1], atol=1e-11, rtol=0)


@pytest.mark.parametrize("way", ["fused", "steps"])
@pytest.mark.parametrize(
    "name", [n for n in NAMES if n.startswith(("sd_", "multiplier", "conn", "feedback"))]
)
def test_slower_ways_reproduce_the_original_as_well(name: str, way: ways.Way) -> None:
    case = Case.read(name)
    with at_most(way):
        simulated = case.network().simulate(case.input, case.initial)
    for key, history in case.tensors("out64/").items():
        found = simulated.histories[int(key.removeprefix("layer_"))].detach()
        torch.testing.assert_close(found, history, atol=1e-10, rtol=0)


def test_without_a_library_torch_operations_serve_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "library", lambda: abi.Library(problem="there is no C compiler `cc`"))
    net = network(dendrites(), loop())
    assert "torch operations, one pass, because there is no C compiler `cc`" in soen.explain(net)
    assert net(torch.rand(2, 9, 3).double()).shape == (2, 10, 4)


def test_the_environment_limits_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ways.VARIABLE, "fused")
    assert "torch operations, one pass, because asked for" in soen.explain(network(dendrites(), loop()))
    monkeypatch.setenv(ways.VARIABLE, "fast")
    with pytest.raises(
        soen.CircuitError, match="LEYDEN_SOEN_WAY must be one of compiled, fused, steps, but got 'fast'"
    ):
        network(dendrites(), loop())(torch.rand(1, 2, 3).double())


def test_steps_have_second_derivatives() -> None:
    net = network(dendrites("Tanh"), loop())
    x = torch.rand(1, 3, 3, dtype=torch.float64, requires_grad=True)
    with at_most("steps"):
        assert torch.autograd.gradgradcheck(lambda x: net(x), (x,), atol=1e-6)


def test_half_precision_takes_steps() -> None:
    net = network(dendrites("Tanh"), loop()).bfloat16()
    assert "float32 and float64" in soen.explain(net)


def test_torch_func_takes_steps() -> None:
    told: list[str] = []

    def watched(x: torch.Tensor) -> torch.Tensor:
        told.append(ways.unfit(x))
        return x.sum()

    torch.func.grad(watched)(torch.rand(2, 3, 3))
    assert told == ["torch.func transforms it"]


def test_blocks_end_where_they_began() -> None:
    with at_most("steps"):
        with at_most("fused"):
            with at_most("steps"):
                pass
            assert ways.allowed() == "fused"
        assert ways.allowed() == "steps"


@pytest.mark.parametrize("way", ["compiled", "fused", "steps"])
@pytest.mark.parametrize("name", ["dendrites", "multipliers", "WICC", "feedback"])
def test_no_samples_have_empty_histories(name: str, way: ways.Way) -> None:
    net = {
        "dendrites": lambda: network(dendrites(), loop()),
        "multipliers": lambda: network(multipliers(), loop()),
        "WICC": lambda: network(dendrites(), loop(**WICC)),
        "feedback": lambda: network(dendrites(), FEEDBACK, network_evaluation_method=GS),
    }[name]()
    x = torch.rand(0, 5, 3, dtype=torch.float64, requires_grad=True)
    with at_most(way):
        history = net(x)
        history.sum().backward()
    assert history.shape == (0, 6, 4)


def test_weights_of_another_precision_are_refused() -> None:
    net = network(dendrites(), loop())
    net.connections["J_1_to_2"] = torch.nn.Parameter(net.connections["J_1_to_2"].detach().float())
    with pytest.raises(
        soen.CircuitError, match="one precision on one device, but got float32 on cpu and float64"
    ):
        net(torch.rand(2, 5, 3, dtype=torch.float64))
