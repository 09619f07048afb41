"""A circuit as a torch module: states in and out, training, precision, and what a module has to survive."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

from leyden import soen
from tests.soen.circuits import network, some_input, tree
from tests.soen.golden_case import GOLDEN, TABLE

METHODS = ("layerwise", "stepwise_gauss_seidel", "stepwise_jacobi")
KINDS = (
    "SingleDendrite",
    "Soma",
    "MultiplierWICC",
    "MultiplierNOCC",
    "Readout",
    "NonLinear",
    "Linear",
    "ScalingLayer",
    "Softmax",
    "Synapse",
    "RNN",
    "GRU",
    "LSTM",
    "MinGRU",
    "LeakyGRU",
)
LOOP = [{"from_layer": 1, "to_layer": 1}]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_pieces_is_the_sequence(kind: str, method: str) -> None:
    loop = LOOP if kind in ("SingleDendrite", "MultiplierNOCC", "LSTM", "LeakyGRU") else None
    net = network(kind, "SingleDendrite", connections=loop, network_evaluation_method=method)
    x = some_input(steps=9)
    whole = net.simulate(x)
    first = net.simulate(x[:, :4])
    second = net.simulate(x[:, 4:], first.final)
    for i, history in whole.histories.items():
        pieces = torch.cat([first.histories[i], second.histories[i][:, 1:]], 1)
        torch.testing.assert_close(pieces, history, atol=1e-14, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["WICC", "NOCC"])
def test_a_sequence_in_pieces_keeps_the_states_of_connections(mode: str, method: str) -> None:
    described = tree("SingleDendrite", network_evaluation_method=method)
    settings = {"mode": mode, "connection_params": {"source_func": "Tanh"}}
    described["connections"][0]["params"] = settings
    described["connections"].append({"from_layer": 1, "to_layer": 1, "params": settings})
    net = soen.build(described, seed=0).double()
    x = some_input(steps=9)
    whole, first = net(x), net.simulate(x[:, :4])
    torch.testing.assert_close(net(x[:, 4:], first.carried())[:, 1:], whole[:, 5:], atol=1e-14, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "Soma"])
def test_gradients_agree_with_differences(kind: str, method: str) -> None:
    net = network(kind, network_evaluation_method=method)
    x = some_input(1, 3).requires_grad_()
    names, values = zip(
        *((n, p.detach().clone().requires_grad_()) for n, p in net.named_parameters() if p.requires_grad),
        strict=True,
    )

    def run(x, *values):
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (x,), tie_weights=True)

    assert torch.autograd.gradcheck(run, (x, *values), eps=1e-7, atol=1e-5)


def test_the_layers_of_a_chain_do_not_care_for_the_order_of_evaluation() -> None:
    x = some_input(steps=12)
    kinds = ("SingleDendrite", "LSTM", "MultiplierNOCC", "Readout")
    layerwise, seidel = (network(*kinds, network_evaluation_method=m)(x) for m in METHODS[:2])
    torch.testing.assert_close(layerwise, seidel, atol=1e-14, rtol=0)


def test_an_lstm_keeps_its_cell_state_step_by_step_unless_the_original_is_asked_for() -> None:
    x = some_input(steps=12)
    stepwise = {"network_evaluation_method": "stepwise_gauss_seidel"}
    torch.testing.assert_close(network("LSTM")(x), network("LSTM", **stepwise)(x))
    assert not torch.allclose(
        network("LSTM")(x), network("LSTM", compat=["restarted_cells"], **stepwise)(x), atol=1e-3
    )


def test_multipliers_train_step_by_step() -> None:
    source = {"source_func": "Heaviside_state_dep"}  # depends on every parameter, the bias current included
    nocc = {"layer_type": "MultiplierNOCC", "params": source}
    net = network(nocc, network_evaluation_method="stepwise_gauss_seidel")
    net(some_input()).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_two_forwards_before_a_backward_do_not_disturb_each_other() -> None:
    net = network("SingleDendrite", connections=LOOP)
    one = net(some_input())
    net(some_input() * 2)
    one.sum().backward()


def test_the_seed_decides_first_values_and_the_run_s_comes_first() -> None:
    described = tree("GRU", "LeakyGRU", "MinGRU")
    same = [
        soen.build(described, seed=4),
        soen.build(described | {"seed": 4}),
        soen.build(described | {"seed": 1}, seed=4),
    ]
    other = soen.build(described, seed=5)
    for net in same[1:]:
        for key, tensor in same[0].state_dict().items():
            assert torch.equal(net.state_dict()[key], tensor)
    assert not torch.equal(
        other.state_dict()["connections.J_0_to_1"], same[0].state_dict()["connections.J_0_to_1"]
    )


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    network("GRU", "LeakyGRU", "SingleDendrite")
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_file_gives_its_numbers_or_only_its_description(tmp_path) -> None:
    soen.save(soen.build(tree("SingleDendrite"), seed=1), tmp_path / "m.soen")
    exact, drawn, anew = (
        soen.build(tmp_path / "m.soen", seed=2),
        soen.build(tmp_path / "m.soen", seed=2, exact=False),
        soen.build(tree("SingleDendrite"), seed=2),
    )
    weight = "connections.J_0_to_1"
    assert not torch.equal(exact.state_dict()[weight], drawn.state_dict()[weight])
    assert torch.equal(drawn.state_dict()[weight], anew.state_dict()[weight])


def test_a_learnable_time_step_is_trained_whatever_happened_to_the_network(tmp_path) -> None:
    net = soen.build(tree("SingleDendrite", dt=20.0, dt_learnable=True), seed=0)
    soen.save(net, tmp_path / "m.soen")
    for trained in (net, net.double(), soen.build(tmp_path / "m.soen"), copy.deepcopy(net)):
        trained.zero_grad()
        trained(some_input()).sum().backward()
        assert float(trained.dt.grad) != 0.0
    with torch.no_grad():
        net.dt.fill_(-3.0)
    net(some_input())
    assert float(net.dt.detach()) > 0.0


@pytest.mark.parametrize("input_type", ["state", "flux"])
def test_a_learnable_time_step_that_nothing_uses_is_said_and_waits_for_no_gradient(input_type) -> None:
    described = tree("RNN", dt_learnable=True, input_type=input_type)
    described["layers"][0]["layer_type"] = "SingleDendrite"  # which takes steps only where flux comes in
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        net = soen.build(described, seed=0, table=TABLE)
    net(some_input()).sum().backward()
    used = input_type == "flux"
    assert (net.dt.grad is not None) == net.dt.requires_grad == used
    assert [w.category.__name__ for w in said] == ([] if used else ["UntrainedWarning"])


def test_learnable_settings_are_obeyed() -> None:
    fixed = {
        "params": {
            "bias_current": {"value": 1.7, "learnable": False},
            "learnable_params": {"phi_offset": False},
        }
    }
    loop = [{"from_layer": 1, "to_layer": 1, "learnable": False}]
    described = tree({"layer_type": "SingleDendrite"} | fixed, connections=loop)
    trained = {n for n, p in soen.build(described).named_parameters() if p.requires_grad}
    assert trained == {"layers.1.log_gamma_plus", "layers.1.log_gamma_minus", "connections.J_0_to_1"}
    original = {
        n for n, p in soen.build(described, compat=["learnable"]).named_parameters() if p.requires_grad
    }
    assert original == trained | {"layers.1.bias_current", "layers.1.connectivity.weight"}


def test_time_constants_can_be_kept_from_training() -> None:
    net = network({"layer_type": "LeakyGRU", "params": {"train_alpha": False, "tau_init": [50.0, 800.0]}})
    assert not net.layer(1).decay_bias.requires_grad and net.layer(1).candidate_bias.requires_grad
    tau = -37.0 / torch.log(torch.sigmoid(net.layer(1).decay_bias.detach()))
    torch.testing.assert_close(
        tau[[0, 2]], torch.tensor([50.0, 800.0], dtype=torch.float64), rtol=1e-4, atol=0
    )


def test_pruned_weights_stay_pruned_and_boxes_hold_through_training() -> None:
    described = tree(
        {
            "layer_type": "SingleDendrite",
            "params": {"bias_current": {"value": 1.7, "constraints": {"min": 1.6, "max": 1.8}}},
        }
    )
    described["connections"][0]["params"] = {
        "structure": {"type": "sparse", "params": {"sparsity": 0.5}},
        "constraints": {"min": -0.1, "max": 0.2},
    }
    net = soen.build(described, seed=0)
    mask = net.masks["J_0_to_1"]
    assert 0 < int(mask.sum()) < mask.numel()
    optimizer = torch.optim.SGD(net.parameters(), lr=100.0)
    for _ in range(3):
        optimizer.zero_grad()
        net(some_input()).sum().backward()
        optimizer.step()
    net(some_input())
    weight, bias = net.connections["J_0_to_1"], net.layer(1).bias_current
    assert not weight[~mask].any()
    assert float(weight.detach().min()) >= -0.1000001 and float(weight.detach().max()) <= 0.2000001
    assert float(bias.detach().min()) >= 1.6 and float(bias.detach().max()) <= 1.8


def test_a_saved_state_keeps_random_masks_whatever_the_seed_of_the_network_it_meets() -> None:
    described = tree("SingleDendrite")
    described["connections"][0]["params"] = {"structure": {"type": "sparse", "params": {"sparsity": 0.5}}}
    one, other = soen.build(described, seed=1), soen.build(described, seed=2)
    assert not torch.equal(one.masks["J_0_to_1"], other.masks["J_0_to_1"])
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other(some_input()), one(some_input()))


@pytest.mark.parametrize(
    ("polarity", "signs"),
    [
        ({"polarity": [1, -1, 0]}, [1, -1, 0]),
        ({"polarity_init": "alternating"}, [1, -1, 1]),
        ({"polarity_init": "inhibitory"}, [-1, -1, -1]),
    ],
)
@pytest.mark.parametrize("method", ["sign_flip", "clip_to_zero"])
def test_a_polarity_holds_from_the_first_weights_through_training(polarity, signs, method: str) -> None:
    described = tree("SingleDendrite", "SingleDendrite")
    described["layers"][1]["params"] |= polarity | {"polarity_enforcement_method": method}
    net = soen.build(described, seed=0)
    wrong = torch.tensor(signs) * net.connections["J_1_to_2"].detach() < 0
    assert not wrong.any()
    with torch.no_grad():
        net.connections["J_1_to_2"].neg_()
    net(some_input())
    assert not (torch.tensor(signs) * net.connections["J_1_to_2"].detach() < 0).any()


def test_a_random_polarity_leaves_numpy_s_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()
    described = tree("SingleDendrite", "SingleDendrite")
    described["layers"][1]["params"] |= {"dim": 10, "polarity_init": {"excitatory_ratio": 0.7, "seed": 3}}
    net = soen.build(described, seed=0)
    assert (np.random.get_state()[1] == before).all()
    assert int((net.signs["J_1_to_2"] == -1).sum()) == 3


def test_inputs_that_do_not_fit_are_refused() -> None:
    net = network("SingleDendrite")
    for x, match in (
        (torch.zeros(2, 5), "batch, time, 3"),
        (torch.zeros(2, 5, 2), "3 channels"),
        (torch.zeros(2, 5, 4), "3 channels"),
        (torch.zeros(2, 0, 3), "batch, time, 3"),
        (torch.zeros(2, 5, 3, dtype=torch.long), "floating point"),
    ):
        with pytest.raises(soen.CircuitError, match=match):
            net(x)


def test_inputs_are_padded_or_cut_where_the_original_is_asked_for() -> None:
    net, x = network("Linear", compat=["fit_input"]), some_input()
    padded = torch.cat([x[..., :2], torch.zeros_like(x[..., :1])], -1)
    torch.testing.assert_close(net(x[..., :2]), net(padded))
    with pytest.warns(UserWarning, match="the first 3"):
        torch.testing.assert_close(net(torch.cat([x, x], -1)), net(x))


def test_states_that_do_not_fit_are_refused() -> None:
    net = network("MultiplierNOCC")
    for initial, match in (
        ({1: torch.zeros(4)}, "shape"),
        ({7: torch.zeros(3)}, "no state layer_7"),
        ({1: torch.zeros(3), "layer_1": torch.ones(3)}, "layer_1 is given twice, as 1 and as 'layer_1'"),
        ({"layer_1.s3": torch.zeros(3)}, "did you mean `layer_1.s[12]`"),
    ):
        with pytest.raises(soen.CircuitError, match=match):
            net(some_input(), initial)


@pytest.mark.parametrize("method", METHODS)
def test_the_first_history_entry_is_the_initial_state(method: str) -> None:
    start = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    net = network("SingleDendrite", network_evaluation_method=method)
    for i, history in net.simulate(some_input(), {0: start, 1: start}).histories.items():
        assert torch.equal(history[:, 0], start.expand(2, 3)), i


def test_the_initial_state_of_the_input_is_forgotten_where_the_original_is_asked_for() -> None:
    net = network("SingleDendrite", compat=["first_state"])
    assert not net.simulate(some_input(), {0: torch.ones(3)}).histories[0][:, 0].any()


def test_half_precision_is_refused() -> None:
    net = soen.build(tree("SingleDendrite"))
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(soen.CircuitError, match="32-true"):
        net(some_input().float())
    with pytest.raises(soen.CircuitError, match="half precision"):
        net.bfloat16()(some_input())


def test_a_network_survives_copying_pickling_and_compiling() -> None:
    net = soen.build(tree("SingleDendrite", connections=LOOP), seed=0)
    x = some_input().float()
    expected = net(x)
    copied, pickled = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    assert copied.layer(1).connectivity.weight is copied.connections["J_1_to_1"]
    for other in (copied, pickled):
        torch.testing.assert_close(other(x), expected, atol=0, rtol=0)
        other.load_state_dict(net.state_dict())


def test_currents_outside_the_table_are_told() -> None:
    from leyden.soen.torch.health import OutOfRangeWarning

    described = tree(
        {
            "layer_type": "Readout",
            "params": {"source_func": "RateArray", "bias_current": 2.6, "phi_offset": 0.5},
        }
    )
    with torch.no_grad():
        with pytest.warns(OutOfRangeWarning, match="out_of_range: edge"):
            dark = soen.build(described, table=TABLE)(torch.zeros(1, 2, 3))
        assert not dark.any()
        described["simulation"] = {"out_of_range": "edge"}
        assert (soen.build(described, table=TABLE)(torch.zeros(1, 2, 3))[:, 1:] > 0.8).all()
        described["simulation"] = {}
        soen.build(described, table=TABLE, compat=["quiet_range"])(torch.zeros(1, 2, 3))


def test_steps_that_explode_are_told() -> None:
    from leyden.soen.torch.health import UnstableWarning

    net = network({"layer_type": "SingleDendrite", "params": {"gamma_minus": 0.06}})
    with torch.no_grad(), pytest.warns(UnstableWarning, match="shorten dt"):
        net(some_input())


def test_a_soma_spikes_above_its_threshold_and_learns_through_spikes() -> None:
    params = {"threshold": 0.05, "gamma_plus": 0.02, "gamma_minus": 0.01}
    net = network({"layer_type": "Soma", "params": params})
    simulated = net.simulate(some_input(steps=30))
    assert set(simulated.output.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(simulated.final["layer_1"], (simulated.final["layer_1.membrane"] > 0.05).double())
    simulated.output.sum().backward()
    assert net.layer(1).threshold.grad.abs().sum() > 0


def test_a_model_file_needs_no_other_file(tmp_path) -> None:
    np.savez(tmp_path / "mask.npz", mask=np.eye(3))
    np.save(tmp_path / "weights.npy", np.full((3, 3), 0.5))
    np.save(tmp_path / "signs.npy", np.array([1, 1, 0]))
    described = tree("Linear", "Linear")
    described["layers"][1]["params"]["polarity_file"] = str(tmp_path / "signs.npy")
    described["connections"][1]["params"] = {
        "structure": {"type": "custom", "params": {"mask_file": str(tmp_path / "mask.npz")}},
        "init": {"name": "custom", "params": {"weights_file": str(tmp_path / "weights.npy")}},
    }
    net = soen.build(described)
    assert torch.equal(net.connections["J_1_to_2"].detach(), 0.5 * torch.eye(3))
    for suffix in (".soen", ".json"):
        soen.save(net, tmp_path / f"m{suffix}")
    for name in ("mask.npz", "weights.npy", "signs.npy"):
        (tmp_path / name).unlink()
    for suffix in (".soen", ".json"):
        again = soen.build(tmp_path / f"m{suffix}")
        torch.testing.assert_close(again(some_input()), net(some_input()))
        assert again.signs["J_1_to_2"].tolist() == [1, 1, 0]
    with pytest.raises(soen.CircuitError, match=r"signs\.npy does not exist"):
        soen.build(described)


def test_the_hash_of_a_model_file_depends_on_its_numbers_alone(tmp_path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        soen.save(soen.build(tree("SingleDendrite"), seed=seed), tmp_path / f"{name}.soen")
    a, b, c = (soen.load(tmp_path / f"{name}.soen").metadata["model_hash"] for name in "abc")
    assert a == b != c


def test_noise_can_be_changed_between_forwards() -> None:
    net, x = network("SingleDendrite"), some_input()
    quiet = net(x)
    net.set_noise(1, "s", 0.1)
    assert not torch.equal(net(x), quiet)
    net.set_noise(1, "s", 0.0)
    net.set_perturbation("J_0_to_1", "j", std=0.1)
    assert not torch.equal(net(x), quiet)
    net.set_perturbation("J_0_to_1", "j")
    assert torch.equal(net(x), quiet)
    net.set_perturbation(1, "s", mean=0.1)
    with pytest.raises(soen.CircuitError, match="relative noise cannot be combined"):
        net.set_noise(1, "s", 0.1, relative=True)
    for where, key in ((1, "sigma"), (7, "s"), ("J_0_to_9", "j"), ("J_0_to_1", "s")):
        with pytest.raises(ValueError):
            net.set_noise(where, key, 0.1)
    scanned = network({"layer_type": "SingleDendrite", "params": {"solver": "PS"}})
    with pytest.raises(soen.CircuitError, match="without noise"):
        scanned.set_noise(1, "s", 0.1)


def test_flux_and_g_are_recorded_for_every_layer_that_has_them() -> None:
    kinds = ("MultiplierNOCC", "Readout", "MultiplierWICC", "Softmax")
    for method in METHODS:
        net = network(*kinds, track_phi=True, track_g=True, network_evaluation_method=method)
        simulated = net.simulate(some_input())
        assert set(simulated.phi) == {1, 2, 3, 4} and set(simulated.g) == {1, 2, 3}
        assert all(g.any() for g in simulated.g.values())


def test_fan_out_divides_the_inductance_only_where_it_is_asked_for() -> None:
    described = tree("SingleDendrite", "Linear")
    one = soen.convert(5e-10, "L", "gamma_plus")
    for gamma_plus, expected in ((None, one), ({"distribution": "fan_out"}, one / 3)):
        if gamma_plus:
            described["layers"][1]["params"]["gamma_plus"] = gamma_plus
        found = soen.build(described).layer(1).values()["gamma_plus"]
        torch.testing.assert_close(found.detach(), torch.full((3,), expected))


def test_a_network_is_exported_as_it_runs() -> None:
    net = soen.build(tree("SingleDendrite", connections=LOOP), seed=0)
    x = some_input().float()
    torch.testing.assert_close(torch.export.export(net, (x,)).module()(x), net(x))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "Linear"])
def test_every_trained_parameter_has_a_gradient_as_distributed_training_needs(kind: str) -> None:
    net = network(kind)
    net(some_input()).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_a_network_within_another_module_keeps_its_names() -> None:
    outer = torch.nn.Sequential(network("LSTM", "LeakyGRU"))
    assert "0.layers.1.module.weight_ih_l0" in outer.state_dict()
    assert not any(outer.load_state_dict(outer.state_dict()))


def test_power_of_what_is_no_dendrite_is_missing_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"there is none of layer 2 \(Soma\), 3 \(Readout\)"):
        net = network("SingleDendrite", "Soma", "Readout", "Linear", track_power=True)
    assert set(net.simulate(some_input()).power) == {1}


def test_circuits_of_a_connection_may_be_lossless() -> None:
    described = tree("Linear")
    settings = {"source_func": "Tanh", "gamma_plus": 0.01, "gamma_minus": 0.0}
    described["connections"][0]["params"] = {"mode": "WICC", "connection_params": settings}
    net, x = soen.build(described, seed=0).double(), torch.zeros(1, 30, 3, dtype=torch.float64)
    x[:, :10] = 0.3
    late = net(x)[:, 15:].diff(dim=1)
    assert late.any()  # it integrates what its programming flux alone drives, and loses nothing
    torch.testing.assert_close(late, late[:, :1].expand_as(late))


def test_random_polarities_are_drawn_one_layer_after_the_other() -> None:
    described = tree("SingleDendrite", "SingleDendrite")
    for layer in described["layers"]:
        layer["params"] |= {"dim": 10, "polarity_init": {}}
    net = soen.build(described, seed=4)
    generator = np.random.RandomState(4)  # as YAML files of the original seed numpy
    for key in ("J_0_to_1", "J_1_to_2"):
        expected = np.ones(10)
        expected[generator.choice(10, size=1, replace=False)] = -1  # int(10 * (1 - 0.8)) is 1
        np.testing.assert_array_equal(net.signs[key].numpy(), expected)


def test_an_exported_model_gives_only_its_description_where_its_numbers_are_not_wanted() -> None:
    file = GOLDEN / "sd_tracking_power.export.json"
    exact, drawn = soen.build(file), soen.build(file, seed=3, exact=False)
    assert torch.equal(soen.build(file, seed=3).connections["J_0_to_1"], exact.connections["J_0_to_1"])
    assert not torch.equal(drawn.connections["J_0_to_1"], exact.connections["J_0_to_1"])
