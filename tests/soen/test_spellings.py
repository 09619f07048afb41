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
