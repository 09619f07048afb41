"""Noise and perturbation: where they act, how often, and how strongly, in every order of evaluation."""

from __future__ import annotations

import pytest
import torch

from leyden import soen
from leyden.soen.torch.noise import Disturbance, Levels
from tests.soen.circuits import generator, network, some_input, tree

METHODS = ("layerwise", "stepwise_gauss_seidel", "stepwise_jacobi")
LONG = torch.zeros(64, 200, 3, dtype=torch.float64)


def layer(kind: str, **disturbed) -> dict:
    # a source function that depends on the current, for noise on it to be seen
    params = {"source_func": "Heaviside_state_dep"} if kind == "SingleDendrite" else {}
    return {"layer_type": kind, "params": params, **disturbed}


@pytest.mark.parametrize("method", METHODS)
def test_flux_noise_has_the_strength_that_was_asked_for(method: str) -> None:
    net = network(layer("Linear", noise={"phi": 0.3}), network_evaluation_method=method)
    history = net.simulate(LONG, generator=generator()).histories[1][:, 1:]
    assert history.std().item() == pytest.approx(0.3, rel=0.02)


def test_flux_noise_is_added_twice_where_the_original_is_asked_for() -> None:
    net = network(layer("Linear", noise={"phi": 0.3}), compat=["double_phi_noise"])
    history = net.simulate(LONG, generator=generator()).histories[1][:, 1:]
    assert history.std().item() == pytest.approx(0.3 * 2**0.5, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_a_perturbation_lasts_one_forward(method: str) -> None:
    net = network(
        layer("Linear", perturb={"phi_mean": 1.0, "phi_std": 0.5}), network_evaluation_method=method
    )
    first, second = (net.simulate(LONG, generator=generator(seed)).histories[1][:, 1:] for seed in (1, 2))
    assert torch.equal(first, first[:, :1].expand_as(first))
    assert not torch.equal(first, second)
    assert first[:, 0].mean().item() == pytest.approx(1.0, abs=0.1)


def test_a_perturbation_is_drawn_at_every_step_where_the_original_is_asked_for() -> None:
    perturbed = layer("Linear", perturb={"phi_std": 0.5})
    net = network(perturbed, network_evaluation_method="stepwise_jacobi", compat=["perturb_each_step"])
    history = net.simulate(LONG, generator=generator()).histories[1][:, 1:]
    assert not torch.equal(history, history[:, :1].expand_as(history))


ACTING = [
    ("SingleDendrite", ("phi", "g", "s", "bias_current", "gamma_plus", "phi_offset")),
    ("Soma", ("phi", "s", "gamma_minus")),
    ("MultiplierWICC", ("phi", "g", "s", "phi_y")),
    ("MultiplierNOCC", ("phi", "g", "s", "alpha")),
    ("Readout", ("phi", "g", "s")),
    ("NonLinear", ("phi", "g", "s", "phi_offset")),
    ("Linear", ("phi", "s")),
    ("ScalingLayer", ("phi", "s", "scale_factor")),
    ("Softmax", ("phi", "s", "beta")),
    ("Synapse", ("phi", "s", "alpha")),
    ("RNN", ("phi", "s")),
    ("GRU", ("phi", "s")),
    ("LSTM", ("phi", "s")),
    ("MinGRU", ("phi", "s")),
    ("LeakyGRU", ("phi", "s", "candidate_bias")),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in ACTING for key in keys])
def test_every_noise_acts_on_every_layer_that_has_it(kind: str, key: str, method: str) -> None:
    own = key in ("phi", "g", "s", "bias_current")
    noise = {key: 0.5} if own else {"extras": {key: 0.5}}
    x = some_input()
    noisy = network(layer(kind, noise=noise), network_evaluation_method=method)
    quiet = network(layer(kind), network_evaluation_method=method)
    hidden = kind == "Soma"  # its spikes may hide what its membrane shows
    name = "layer_1.membrane" if hidden else "layer_1"
    with torch.no_grad():
        found = noisy.simulate(x, generator=generator()).final[name]
        assert not torch.equal(found, quiet.simulate(x).final[name])
        again = noisy.simulate(x, generator=generator()).final[name]
    torch.testing.assert_close(found, again, atol=0, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["fixed", "WICC", "NOCC"])
@pytest.mark.parametrize("own", [False, True])
def test_noise_of_weights_acts_on_every_connection(mode: str, own: bool, method: str) -> None:
    settings = {"mode": mode, "connection_params": {"source_func": "Tanh"} if mode != "fixed" else None}
    made = []
    for noise in ({}, {"j": 0.5}):
        connection = {"from_layer": 1, "to_layer": 1 if own else 2, "params": settings, "noise": noise}
        kinds = ["SingleDendrite"] if own else ["SingleDendrite", "SingleDendrite"]
        described = network(
            *kinds, network_evaluation_method=method, connections=[connection] if own else None
        )
        if not own:
            plain = tree(*kinds, network_evaluation_method=method)
            plain["connections"][1] = connection
            described = soen.build(plain, seed=0).double()
        made.append(described.simulate(some_input(), generator=generator()).output)
    assert not torch.allclose(made[0], made[1])


def test_tiny_noise_on_a_multiplier_changes_its_result_by_little() -> None:
    results = {}
    for name, noise, compat in (
        ("quiet", {}, ()),
        ("noisy", {"j": 1e-9}, ()),
        ("original", {"j": 1e-9}, ["noisy_multipliers"]),
    ):
        plain = tree("Linear")
        plain["connections"][0] |= {
            "params": {"mode": "WICC", "connection_params": {"source_func": "Tanh"}},
            "noise": noise,
        }
        results[name] = soen.build(plain, seed=0, compat=compat).double()(some_input())
    torch.testing.assert_close(results["noisy"], results["quiet"], atol=1e-6, rtol=0)
    assert not torch.allclose(results["original"], results["quiet"], atol=1e-3)


def test_missing_weights_stay_missing_under_noise() -> None:
    plain = tree("Linear")
    plain["connections"][0] |= {"connection_type": "one_to_one", "noise": {"j": 1.0}}
    x = some_input()
    x[..., 1:] = 0.0
    history = soen.build(plain, seed=0).double().simulate(x, generator=generator()).histories[1]
    assert not history[..., 1:].any() and history[:, 1:, 0].all()


def test_noise_can_be_kept_to_training() -> None:
    net = network(layer("Linear", noise={"s": 1.0}), noise_in="training")
    assert not torch.equal(net(LONG), net.eval()(LONG))
    assert torch.equal(net(LONG), network("Linear")(LONG))


def test_relative_noise_is_a_share_of_what_it_disturbs() -> None:
    levels = Levels({"s": 0.1}, relative=True)
    x = torch.full((100_000, 1), 5.0)
    assert float(Disturbance(levels, generator())("s", x).std()) == pytest.approx(0.5, rel=0.02)


def test_without_noise_nothing_is_drawn() -> None:
    before = torch.get_rng_state()
    network("SingleDendrite")(some_input())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("kind", "spread", "shift"),
    [("Linear", 2.0, 2.0), ("Synapse", 2**0.5, 2.0), ("MultiplierNOCC", 1.0, 1.0)],
)
def test_doubled_offsets_are_those_of_the_original(kind: str, spread: float, shift: float) -> None:
    net = network(
        layer(kind, perturb={"phi_std": 0.5, "phi_mean": 1.0}), compat=["double_phi_noise"], track_phi=True
    )
    x = torch.zeros(20_000, 1, 3, dtype=torch.float64)
    with torch.no_grad():
        history, phi = net.simulate(x, generator=generator()).histories[1][:, 1:], None
        if kind == "MultiplierNOCC":
            phi = net.simulate(x, generator=generator()).phi[1]
        else:
            phi = history / (0.1 if kind == "Synapse" else 1.0)
    assert phi.std().item() == pytest.approx(0.5 * spread, rel=0.02)
    assert phi.mean().item() == pytest.approx(shift, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "spread"), [("Readout", 0.3 * 0.5), ("NonLinear", 0.0)])
def test_relative_noise_of_a_readout_is_a_share_of_the_flux_with_its_offset(kind, spread, method) -> None:
    noisy = {"layer_type": kind, "params": {"source_func": "Tanh", "phi_offset": 0.5}}
    noisy |= {"noise": {"phi": 0.3, "relative": True}}
    net = network(noisy, track_g=True, network_evaluation_method=method)
    seen = torch.atanh(net.simulate(LONG, generator=generator()).g[1])
    assert seen.std().item() == pytest.approx(spread, rel=0.02, abs=1e-9)
    assert seen.mean().item() == pytest.approx(0.5, abs=0.01)
