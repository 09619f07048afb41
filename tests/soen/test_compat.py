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
