"""The description of a circuit: what it takes, what it refuses, and that it survives being written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from leyden import soen
from tests.soen.circuits import tree
from tests.soen.golden_case import GOLDEN, NAMES


def test_every_problem_is_told_at_once_with_the_nearest_spelling() -> None:
    wrong = tree({"layer_type": "SingleDendrite", "params": {"gama_plus": 0.1, "solver": "FEE"}}, dtt=3)
    wrong["layers"][0]["layer_type"] = "Linaer"
    wrong["connections"][0]["params"] = {"structure": {"type": "spars"}}
    with pytest.raises(soen.CircuitError) as raised:
        soen.Circuit.read(wrong)
    text = str(raised.value)
    assert len(raised.value.problems) == 5
    for near in ("`Linear`", "`gamma_plus`", "`FE`", "`sparse`", "`dt`"):
        assert f"did you mean {near}?" in text
    assert "layers[1].params.gama_plus" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_description_survives_being_written(name: str, tmp_path: Path) -> None:
    circuit = soen.load(GOLDEN / f"{name}.yaml").circuit
    for suffix in (".yaml", ".json"):
        soen.write_description(tmp_path / f"c{suffix}", circuit)
        assert soen.load(tmp_path / f"c{suffix}").circuit == circuit


def test_a_circuit_is_frozen() -> None:
    circuit = soen.Circuit.read(tree("SingleDendrite"))
    with pytest.raises(ValidationError):
        circuit.simulation = soen.Simulation()  # type: ignore[misc]


def test_importing_and_checking_needs_no_torch() -> None:
    code = (
        "import sys; from leyden import soen; "
        f"soen.load({str(GOLDEN / 'sd_tracking_power.soen')!r}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("params", "mode", "settings"),
    [
        ({}, "fixed", None),
        ({"mode": "WICC"}, "WICC", soen.Wicc()),
        ({"mode": "NOCC", "connection_params": {"alpha": 1.2}}, "NOCC", soen.Nocc(alpha=1.2)),
        ({"mode": "Programmable"}, "WICC", soen.Wicc()),
        ({"mode": "dynamic_v2"}, "NOCC", soen.Nocc()),
        ({"connection_params": {"gamma_plus": 0.1}}, "WICC", soen.Wicc(gamma_plus=0.1)),
        ({"mode": "dynamic", "connection_params": {"beta": 300.0}}, "NOCC", soen.Nocc(beta=300.0)),
        ({"multiplier": {"beta_out": 90.0}}, "NOCC", soen.Nocc(beta_out=90.0)),
        ({"mode": "dynamic"}, "fixed", None),
    ],
)
def test_the_mode_of_a_connection_is_given_or_told_from_its_settings(params, mode, settings) -> None:
    connection = soen.Connection.model_validate({"from_layer": 0, "to_layer": 1, "params": params})
    assert (connection.params.mode, connection.params.connection_params) == (mode, settings)


def test_old_and_new_layouts_of_a_connection_are_one() -> None:
    ends = {"from_layer": 0, "to_layer": 1}
    old = {"connection_type": "sparse", "params": {"sparsity": 0.5, "init": "uniform", "a": -0.1, "b": 0.2}}
    new = {
        "params": {
            "structure": {"type": "sparse", "params": {"sparsity": 0.5}},
            "init": {"name": "uniform", "params": {"min": -0.1, "max": 0.2}},
        }
    }
    assert soen.Connection.model_validate(ends | old) == soen.Connection.model_validate(ends | new)


@pytest.mark.parametrize(
    ("given", "value"),
    [(0.3, 0.3), ({"value": 0.3}, 0.3), ({"distribution": "constant", "params": {"value": 0.3}}, 0.3)],
)
def test_parameters_come_in_three_forms(given, value) -> None:
    circuit = soen.Circuit.read(tree({"layer_type": "SingleDendrite", "params": {"phi_offset": given}}))
    assert circuit.layer(1).params.parameter("phi_offset").distribution.value == value


def refused(match: str, *kinds, connections=None, **simulation) -> None:
    with pytest.raises(soen.CircuitError, match=match):
        soen.Circuit.read(tree(*kinds, connections=connections, **simulation))


def test_what_cannot_work_is_refused_with_a_repair() -> None:
    loop, back = {"from_layer": 1, "to_layer": 1}, {"from_layer": 2, "to_layer": 1}
    dendrite = {"layer_type": "SingleDendrite", "params": {}}
    refused("solver: FE", dendrite | {"params": {"solver": "PS"}}, connections=[loop])
    refused("PARARNN", dendrite | {"params": {"solver": "PS", "source_func": "RateArray"}})
    refused("diagonal", dendrite | {"params": {"solver": "PARARNN"}}, connections=[loop])
    refused("without noise on s", dendrite | {"params": {"solver": "PS"}, "noise": {"s": 0.1}})
    refused("solver of a MultiplierWICC", {"layer_type": "MultiplierWICC", "params": {"solver": "PS"}})
    refused("stepwise_gauss_seidel", "RNN", "RNN", connections=[back], network_evaluation_method="layerwise")
    refused("stepwise", "RNN", early_stopping_forward_pass=True)
    refused("input_type: flux", "RNN", connections=[{"from_layer": 1, "to_layer": 0}])
    refused("J_0_to_1 must be one connection", "RNN", connections=[{"from_layer": 0, "to_layer": 1}])
    refused("needs layer 7", "RNN", connections=[{"from_layer": 0, "to_layer": 7}])
    refused("relative noise", dendrite | {"noise": {"s": 0.1, "relative": True}, "perturb": {"g_std": 0.1}})
    shaken = {"noise": {"j": 0.1, "relative": True}, "perturb": {"j_std": 0.1}}
    refused("J_1_to_1: relative noise", "RNN", connections=[loop | shaken])
    refused("RNN has no g to disturb", {"layer_type": "RNN", "noise": {"g": 0.1}})
    refused("has no alpha to disturb", dendrite | {"noise": {"extras": {"alpha": 0.1}}})


def test_self_connections_that_nothing_acts_on_are_refused() -> None:
    for kind in ("Linear", "NonLinear", "Readout", "ScalingLayer", "Softmax", "Synapse"):
        refused("does not act on a self connection", kind, connections=[{"from_layer": 1, "to_layer": 1}])


def test_settings_of_circuits_on_a_fixed_connection_are_refused() -> None:
    params = {"mode": "fixed", "connection_params": {"alpha": 1.0}}
    with pytest.raises(ValidationError, match="write mode: NOCC"):
        soen.Connection.model_validate({"from_layer": 0, "to_layer": 1, "params": params})


def test_feedback_is_followed_step_by_step_where_nothing_else_was_said() -> None:
    circuit = soen.Circuit.read(tree("RNN", "RNN", connections=[{"from_layer": 2, "to_layer": 1}]))
    assert circuit.simulation.network_evaluation_method == "stepwise_gauss_seidel"


@pytest.mark.parametrize("spelling", ["layer", " Layer-Sequence ", "stepwise_gs", "Stepwise (Jacobi)"])
def test_known_spellings_of_evaluation_orders_are_taken(spelling: str) -> None:
    assert soen.Simulation(network_evaluation_method=spelling).network_evaluation_method in (
        "layerwise",
        "stepwise_gauss_seidel",
        "stepwise_jacobi",
    )


def test_a_misspelt_evaluation_order_does_not_become_another() -> None:
    refused("did you mean `stepwise_gauss_seidel`", "RNN", network_evaluation_method="stepwise_gaus_seidel")


def test_an_unknown_source_function_does_not_become_another() -> None:
    refused("did you mean `Tanh`", {"layer_type": "NonLinear", "params": {"source_func": "Tahn"}})
    params = {"mode": "WICC", "connection_params": {"source_func": "RateAray"}}
    with pytest.raises(ValidationError, match="RateArray"):
        soen.Connection.model_validate({"from_layer": 0, "to_layer": 1, "params": params})


def test_layers_of_an_exported_model_go_by_their_numbers(tmp_path: Path) -> None:
    exported = json.loads((GOLDEN / "sd_tracking_power.export.json").read_text())
    text = json.dumps(exported).replace('"layer_1"', '"layer_7"').replace("J_0_to_1", "J_0_to_7")
    text = (
        text.replace("J_1_to_1", "J_7_to_7").replace('"from": 1', '"from": 7').replace('"to": 1', '"to": 7')
    )
    (tmp_path / "gaps.json").write_text(text)
    table = GOLDEN / "rate_array.npz"
    gaps, plain = (
        soen.build(tmp_path / "gaps.json", table=table),
        soen.build(GOLDEN / "sd_tracking_power.export.json", table=table),
    )
    assert gaps.layer(7).phi_offset.tolist() == plain.layer(1).phi_offset.tolist()


def test_a_key_without_a_value_is_a_missing_key() -> None:
    plain = tree("SingleDendrite")
    empty = tree("SingleDendrite")
    empty["layers"][1] |= {"noise": None, "description": None}
    empty["layers"][1]["params"] |= {"polarity": None, "solver": None}
    empty["connections"][0] |= {"params": {"constraints": None, "mode": None}, "perturb": None}
    assert soen.Circuit.read(empty) == soen.Circuit.read(plain)


def test_a_circuit_is_built_in_python_as_well() -> None:
    circuit = soen.Circuit(
        layers=(
            soen.Layer(layer_id=0, layer_type="Linear", params={"dim": 3}),
            soen.Layer(layer_id=1, layer_type="SingleDendrite", params={"dim": 3, "source_func": "Tanh"}),
        ),
        connections=(soen.Connection(from_layer=0, to_layer=1),),
    )
    assert circuit == soen.Circuit.read(tree("SingleDendrite"))
