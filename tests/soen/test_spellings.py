"""Files of the original are understood in every spelling that the original takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from leyden import soen
from tests.soen.circuits import network, some_input, tree

LOOP = [{"from_layer": 1, "to_layer": 1}]


def first_weights(described: dict[str, Any], **options: Any) -> torch.Tensor:
    return soen.build(described, **options).connections["J_0_to_1"].detach()


def test_the_seed_may_lie_among_the_settings_of_the_simulation() -> None:
    seeded = tree("SingleDendrite", seed=5)
    assert torch.equal(first_weights(seeded), first_weights(tree("SingleDendrite"), seed=5))
    assert torch.equal(first_weights(seeded, compat="soen"), first_weights(seeded))
    assert (
        soen.Circuit.read(tree("SingleDendrite") | {"sim_config": {"seed": 5}, "simulation": None}).seed == 5
    )
    with pytest.raises(soen.CircuitError, match=r"got 4 and simulation\.seed 5"):
        soen.Circuit.read(seeded | {"seed": 4})


def test_layers_may_be_numbered_in_words_of_digits() -> None:
    described = tree("SingleDendrite", "SingleDendrite")
    plain = soen.Circuit.read(described | {"connections": [*described["connections"], back(2, 1)]})
    for layer in described["layers"]:
        layer["layer_id"] = str(layer["layer_id"])
    spelt = [{k: str(v) for k, v in c.items()} for c in [*described["connections"], back(2, 1)]]
    assert soen.Circuit.read(described | {"connections": spelt}) == plain
    assert plain.simulation.stepwise
    with pytest.raises(soen.CircuitError, match="layer_id"):
        soen.Circuit.read(described | {"layers": [{"layer_id": "one", "layer_type": "Linear", "params": {}}]})


def back(source: int, target: int) -> dict[str, Any]:
    return {"from_layer": source, "to_layer": target}


def test_the_type_of_the_structure_comes_before_the_type_of_the_connection() -> None:
    described = tree("SingleDendrite")
    described["connections"][0] |= {
        "connection_type": "dense",
        "params": {"structure": {"type": "one_to_one"}, "init": {"name": "constant"}},
    }
    with pytest.warns(UserWarning, match="one_to_one, as structure.type says"):
        found = first_weights(described)
    assert torch.equal(found, torch.eye(3))


def told(settings: dict[str, Any], compat: Any = None, **params: Any) -> Any:
    described = tree("SingleDendrite")
    described["connections"][0]["params"] = {"connection_params": settings} | params
    return soen.Circuit.read(described, compat=compat).connections[0].params


def test_settings_of_both_circuits_need_a_mode_unless_the_original_is_asked_for() -> None:
    both = {"gamma_plus": 0.002, "bias_current": 2.2}
    with pytest.raises(soen.CircuitError, match="write mode: WICC"):
        told(both)
    assert told(both, mode="WICC").connection_params == soen.Wicc(**both)
    with pytest.warns(UserWarning, match=r"drops Nocc\.gamma_plus"):
        assert told(both, ["keys"]).connection_params == soen.Nocc(bias_current=2.2)


def test_settings_of_circuits_on_a_fixed_connection_are_dropped_where_the_original_is_asked_for() -> None:
    with pytest.warns(UserWarning, match="connection_params of mode fixed"):
        assert told({"gamma_plus": 0.1}, ["keys"], mode="fixed").mode == "fixed"


def test_quantization_knows_the_old_name_of_a_self_connection() -> None:
    settings = {"min": -1.0, "max": 1.0, "bits": 2, "connections": ["internal_1", "J_0_to_1"]}
    circuit = soen.Circuit.read(tree("SingleDendrite", connections=LOOP) | {"quantization": settings})
    assert circuit.quantization.connections == ["J_1_to_1", "J_0_to_1"]


def test_a_nonlinear_layer_records_the_flux_that_reaches_it_and_a_readout_what_its_source_sees() -> None:
    x, shown = some_input(), {}
    for kind in ("NonLinear", "Readout"):
        params = {"source_func": "Tanh", "phi_offset": 0.25}
        net = network({"layer_type": kind, "params": params}, track_phi=True, track_g=True)
        shown[kind] = net.simulate(x)
        torch.testing.assert_close(shown[kind].g[1], shown[kind].output[:, 1:])
    torch.testing.assert_close(shown["Readout"].phi[1], shown["NonLinear"].phi[1] + 0.25)


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("On", "Off"), ("TRUE", "False"), ("1", "0")])
def test_yes_and_no_are_understood_as_yaml_of_the_original_has_them(yes: str, no: str, tmp_path) -> None:
    (tmp_path / "c.yaml").write_text(f"""
simulation: {{track_phi: {yes}, track_g: {no}}}
layers:
  - {{layer_id: 0, layer_type: Linear, params: {{dim: 2}}}}
  - {{layer_id: 1, layer_type: RNN, params: {{dim: 2, learnable_params: {{module.bias_ih_l0: {no}}}}}}}
connections:
  - {{from_layer: 0, to_layer: 1, learnable: {no}, params: {{allow_self_connections: {yes}}}}}
""")
    circuit = soen.load(tmp_path / "c.yaml").circuit
    assert (circuit.simulation.track_phi, circuit.simulation.track_g) == (True, False)
    assert circuit.layer(1).params.learnable_params == {"module.bias_ih_l0": False}
    assert (circuit.connections[0].learnable, circuit.connections[0].params.allow_self_connections) == (
        False,
        True,
    )
    with pytest.raises(soen.CircuitError, match="track_s"):
        soen.Circuit.read(tree("RNN", track_s="perhaps"))


def test_a_connection_without_a_type_is_dense_or_what_its_structure_says() -> None:
    described = tree("RNN")
    assert "connection_type" not in described["connections"][0]
    assert soen.Circuit.read(described).connections[0].connection_type == "dense"
    described["connections"][0]["params"] = {"structure": {"type": "chain"}}
    assert soen.Circuit.read(described).connections[0].connection_type == "chain"


def test_own_nodes_may_be_left_out_among_the_settings_of_a_pattern() -> None:
    structure = {"type": "constant", "params": {"expected_fan_out": 2, "allow_self_connections": False}}
    described = tree("SingleDendrite", connections=[LOOP[0] | {"params": {"structure": structure}}])
    assert not soen.Circuit.read(described).connections[1].params.allow_self_connections
    assert not soen.build(described).masks["J_1_to_1"].diag().any()


def test_widths_and_signs_may_be_whole_numbers_of_any_kind() -> None:
    described = tree("SingleDendrite")
    described["layers"][0]["params"] = {"dim": 3.0, "polarity": [1.0, -1, 0.0]}
    params = soen.Circuit.read(described).layer(0).params
    assert (params.dim, params.polarity) == (3, [1, -1, 0])
    described["layers"][0]["params"] = {"dim": 2.5}
    with pytest.raises(soen.CircuitError, match="dim"):
        soen.Circuit.read(described)


def test_numbers_that_yaml_of_the_original_takes_for_text_are_numbers() -> None:
    described = tree({"layer_type": "SingleDendrite", "params": {"gamma_plus": "1e-3"}})
    assert soen.Circuit.read(described).layer(1).params.parameter("gamma_plus").distribution.value == 1e-3
    described["layers"][1]["params"]["gamma_plus"] = "small"
    with pytest.raises(soen.CircuitError, match="gamma_plus"):
        soen.Circuit.read(described)


def test_flux_may_be_balanced_over_all_inputs_in_a_word() -> None:
    described = tree("SingleDendrite", connections=LOOP)
    init = {"name": "flux_balanced", "params": {"num_input_sources": "auto"}}
    described["connections"][0]["params"] = {"init": init}
    torch.testing.assert_close(first_weights(described), torch.full((3, 3), 0.27 / (2 * 3)))


def test_a_nonlinearity_without_a_gain_is_refused_or_has_gain_one_where_the_original_is_asked_for() -> None:
    found = []
    for word in ("gelu", "linear"):
        described = tree("SingleDendrite")
        init = {"name": "kaiming_normal", "params": {"nonlinearity": word}}
        described["connections"][0]["params"] = {"init": init}
        if word == "gelu":
            with pytest.raises(soen.CircuitError, match="nonlinearity"):
                soen.Circuit.read(described)
            with pytest.warns(UserWarning, match="'gelu' for 'linear'"):
                found.append(first_weights(described, compat=["settings"]))
        else:
            found.append(first_weights(described))
    assert torch.equal(*found)
