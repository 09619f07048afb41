"""Quirks of the original, item by item: each is mended unless asked for."""

from __future__ import annotations

import pytest
import torch

from leyden import soen
from leyden.soen.compat import ITEMS
from tests.soen.circuits import network, some_input, tree
from tests.soen.golden_case import GOLDEN


def test_all_items_are_asked_for_by_one_word() -> None:
    circuit = soen.Circuit.read(tree("RNN") | {"compat": "soen"})
    assert circuit.compat == frozenset(ITEMS)
    assert soen.Circuit.read(circuit.tree()).compat == circuit.compat
    assert soen.Circuit.read(tree("RNN") | {"compat": ["keys"]}, compat=["first_state"]).compat == {
        "keys",
        "first_state",
    }


def test_unknown_items_are_refused() -> None:
    with pytest.raises(soen.CircuitError, match="did you mean `first_state`"):
        soen.Circuit.read(tree("RNN") | {"compat": ["first_stat"]})
    with pytest.raises(soen.CircuitError, match="`soen` or a list"):
        soen.Circuit.read(tree("RNN") | {"compat": "everything"})


def test_unknown_keys_are_refused_or_dropped_with_one_warning() -> None:
    described = tree({"layer_type": "NonLinear", "params": {"source_func_type": "ReLU"}}, dtt=3)
    described["connections"][0] |= {
        "params": {"init": {"name": "uniform", "params": {"mn": 0.0}}},
        "nosie": {},
    }
    with pytest.raises(soen.CircuitError, match="did you mean `source_func`"):
        soen.Circuit.read(described)
    with pytest.warns(UserWarning, match=r"NonLinear\.source_func_type.*Simulation\.dtt") as caught:
        circuit = soen.Circuit.read(described, compat=["keys"])
    assert len(caught) == 1
    assert "Uniform.mn" in str(caught[0].message) and "Connection.nosie" in str(caught[0].message)
    assert circuit.layer(1).params.source_func == "Tanh"


def test_layerwise_feedback_is_refused_or_switched_with_a_warning() -> None:
    back = [{"from_layer": 2, "to_layer": 1}]
    described = tree("RNN", "RNN", connections=back, network_evaluation_method="layerwise")
    with pytest.raises(soen.CircuitError, match="leads back"):
        soen.Circuit.read(described)
    with pytest.warns(UserWarning, match="stepwise_gauss_seidel"):
        circuit = soen.Circuit.read(described, compat=["switch_method"])
    assert circuit.simulation.network_evaluation_method == "stepwise_gauss_seidel"


@pytest.mark.parametrize("method", ["layerwise", "stepwise_gauss_seidel", "stepwise_jacobi"])
def test_unused_connections_are_refused_or_kept_without_effect(method: str) -> None:
    unused = [{"from_layer": 1, "to_layer": 1}]
    with pytest.raises(soen.CircuitError, match="does not act"):
        network("NonLinear", connections=unused)
    kept = network(
        "NonLinear", connections=unused, compat=["unused_connections"], network_evaluation_method=method
    )
    plain = network("NonLinear", network_evaluation_method=method)
    assert kept.output_width == 3 and "connections.J_1_to_1" in kept.state_dict()
    assert (kept(some_input()) == plain(some_input())).all()


def test_what_a_model_file_of_the_original_never_used_is_dropped_with_a_warning(tmp_path) -> None:
    content = torch.load(GOLDEN / "sd_tracking_power.soen", weights_only=True)
    content["layers_config"][1]["params"]["source_func_type"] = "Tanh"
    torch.save(content, tmp_path / "theirs.soen")
    with pytest.warns(UserWarning) as caught:
        saved = soen.load(tmp_path / "theirs.soen")
    assert any("source_func_type" in str(w.message) for w in caught)
    assert saved.circuit.layer(1).params.source_func == "RateArray"
    torch.save(content | {"leyden": {}}, tmp_path / "ours.soen")
    with pytest.raises(soen.CircuitError, match="source_func_type"):
        soen.load(tmp_path / "ours.soen")


EARLY = {"early_stopping_patience": 0, "early_stopping_tolerance": "small", "steady_tol_abs": -1.0}


def test_settings_of_early_stopping_are_refused_or_clamped_with_a_warning() -> None:
    with pytest.raises(soen.CircuitError) as raised:
        soen.Circuit.read(tree("RNN", **EARLY))
    assert len(raised.value.problems) == 3
    with pytest.warns(UserWarning, match="early_stopping_patience 0 for 1") as caught:
        k = soen.Circuit.read(tree("RNN", **EARLY), compat=["settings"]).simulation
    assert [str(warning.message).partition("\n")[0][-14:] for warning in caught][1:] == ["without effect"]
    assert (k.early_stopping_patience, k.early_stopping_tolerance, k.steady_tol_abs) == (1, 1e-6, 0.0)


def test_an_unknown_evaluation_order_becomes_layerwise_with_a_warning_where_the_original_is_asked_for() -> (
    None
):
    with pytest.warns(UserWarning, match="'jacobi' for 'layerwise'"):
        circuit = soen.Circuit.read(tree("RNN", network_evaluation_method="jacobi"), compat=["settings"])
    assert circuit.simulation.network_evaluation_method == "layerwise"
    described = tree(
        "RNN", "RNN", connections=[{"from_layer": 2, "to_layer": 1}], network_evaluation_method="jacobi"
    )
    with pytest.warns(UserWarning, match="stepwise_gauss_seidel"):
        circuit = soen.Circuit.read(described, compat="soen")
    assert circuit.simulation.network_evaluation_method == "stepwise_gauss_seidel"


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "MinGRU", "LeakyGRU"])
def test_noise_on_what_a_cell_shows_stays_out_of_it_unless_the_original_is_asked_for(kind: str) -> None:
    # without noise on the last step, only the cell itself can carry what was drawn before
    x, stepwise = some_input(), {"network_evaluation_method": "stepwise_gauss_seidel"}
    noisy = {"layer_type": kind, "params": {}, "perturb": {"s_mean": 0.4}}
    plain, mended = network(kind, **stepwise)(x), network(noisy, **stepwise)(x)
    torch.testing.assert_close(mended[:, 1:], plain[:, 1:] + 0.4)
    original = network(noisy, compat=["restarted_cells"], **stepwise)(x)
    torch.testing.assert_close(original[:, 1], plain[:, 1] + 0.4)
    assert not torch.allclose(original[:, 2:], plain[:, 2:] + 0.4, atol=1e-3)


@pytest.mark.parametrize("method", ["layerwise", "stepwise_gauss_seidel"])
def test_noise_on_a_linear_layer_shakes_its_start_alone_where_the_original_is_asked_for(method: str) -> None:
    noisy = {"layer_type": "Linear", "params": {}, "perturb": {"s_mean": 0.5}}
    plain, mended, original = (
        network(kind, compat=compat, network_evaluation_method=method)(some_input())
        for kind, compat in (("Linear", None), (noisy, None), (noisy, ["linear_noise"]))
    )
    torch.testing.assert_close(mended[:, 1:], plain[:, 1:] + 0.5)
    assert not mended[:, 0].any()
    assert torch.equal(original[:, 1:], plain[:, 1:])
    assert (original[:, 0] == (0.5 if method == "layerwise" else 0.0)).all()


def test_noise_on_weights_reaches_missing_ones_where_the_original_is_asked_for() -> None:
    described = tree("Linear")
    described["connections"][0] |= {"connection_type": "one_to_one", "perturb": {"j_mean": 0.1}}
    x = some_input()
    weight = soen.build(described, seed=0).connections["J_0_to_1"].detach().double()
    for compat, reached in (([], torch.eye(3)), (["noisy_masks"], torch.ones(3, 3))):
        found = soen.build(described, seed=0, compat=compat).double()(x)[:, 1:].detach()
        torch.testing.assert_close(found, x @ (weight + 0.1 * reached).t())


def test_noise_that_nothing_hears_is_refused_or_dropped_with_a_warning() -> None:
    described = tree({"layer_type": "RNN", "params": {}, "noise": {"bias_current": 0.1}})
    with pytest.raises(soen.CircuitError, match="RNN has no bias_current to disturb"):
        soen.Circuit.read(described)
    with pytest.warns(UserWarning, match="RNN has no bias_current"):
        net = soen.build(described, seed=0, compat=["unused_noise"]).double()
    assert torch.equal(net(some_input()), network("RNN")(some_input()))
    described = tree("RNN")
    described["connections"][0] |= {"noise": {"phi": 0.1, "j": 0.2}}
    with pytest.raises(soen.CircuitError, match="on its weights only"):
        soen.Circuit.read(described)
    with pytest.warns(UserWarning, match=r"Noise\.phi of a connection"):
        circuit = soen.Circuit.read(described, compat=["keys"])
    assert circuit.connections[0].noise.levels() == {"j": 0.2}


@pytest.mark.parametrize("method", ["stepwise_gauss_seidel", "stepwise_jacobi"])
def test_later_input_layers_show_the_flux_of_first_states_where_the_original_is_asked_for(method) -> None:
    start = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    nets = [
        network("Input", "Linear", compat=compat, network_evaluation_method=method)
        for compat in (None, ["first_state"])
    ]
    mended, original = (net.simulate(some_input(), {0: start}).histories for net in nets)
    assert not mended[1][:, 0].any()
    brought = nets[0].connections["J_0_to_1"].detach() @ start
    torch.testing.assert_close(original[1][:, 0].detach(), brought.expand(2, 3))
    assert torch.equal(original[1][:, 1:], mended[1][:, 1:]) and torch.equal(original[2], mended[2])


def test_a_readout_forgets_its_initial_state_where_the_original_is_asked_for() -> None:
    start = {1: torch.ones(3)}
    assert network("Readout")(some_input(), start)[:, 0].all()
    assert not network("Readout", compat=["first_state"])(some_input(), start)[:, 0].any()
    stepwise = {"network_evaluation_method": "stepwise_gauss_seidel"}
    assert network("Readout", compat=["first_state"], **stepwise)(some_input(), start)[:, 0].all()


def test_a_first_layer_under_flux_starts_where_it_is_told_even_if_the_original_is_asked_for() -> None:
    net = network("Linear", compat=["first_state"], input_type="flux")
    assert net.simulate(some_input(), {0: torch.ones(3)}).histories[0][:, 0].all()


@pytest.mark.parametrize("old", ["connections.internal_1", "layers.1.internal_J"])
def test_older_names_of_a_self_connection_are_understood_in_model_files(old: str, tmp_path) -> None:
    content = torch.load(GOLDEN / "sd_tracking_power.soen", weights_only=True)
    state, masks = content["state_dict"], content["connection_masks"]
    loop = state.pop("connections.J_1_to_1")
    state.pop("layers.1.connectivity.weight"), state.pop("layers.1.internal_connectivity.weight")
    loop[0, 1] = 0.0
    masks["internal_1"] = (loop != 0).float()
    del masks["J_1_to_1"]
    state[old] = loop
    torch.save(content, tmp_path / "older.soen")
    net = soen.build(tmp_path / "older.soen")
    assert torch.equal(net.layer(1).connectivity.weight.detach(), loop)
    assert int((~net.masks["J_1_to_1"]).sum()) == 1


@pytest.mark.parametrize(
    "params", [{"polarity_init": {"excitatory_ratio": 0.5}}, {"polarity_file": "gone.npy"}]
)
def test_signs_that_a_model_file_does_not_tell_are_those_of_its_weights(params: dict, tmp_path) -> None:
    content = torch.load(GOLDEN / "sd_tracking_power.soen", weights_only=True)
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0])
    weight = content["state_dict"]["connections.J_0_to_1"]
    weight.copy_(weight.abs() * signs)
    content["layers_config"][0]["params"] |= params
    torch.save(content, tmp_path / "theirs.soen")
    net = soen.build(tmp_path / "theirs.soen", seed=7)
    assert torch.equal(net.connections["J_0_to_1"].detach(), weight)
    assert torch.equal(net.signs["J_0_to_1"].float(), signs)
