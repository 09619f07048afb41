"""What is set and cannot act is told, once, with its key and the reason; what equals the default never is."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from leyden import soen
from tests.soen.circuits import tree
from tests.soen.golden_case import GOLDEN, NAMES

LEAKY = {"tau_init": 5.0}
WICC = {"mode": "WICC", "connection_params": {"source_func": "Tanh", "bias_current": 1.5}}
BLOCKS = {
    "block_count": 2,
    "connection_mode": "none",
    "within_block_density": 1.0,
    "cross_block_density": 0.5,
}
LEVELS = {"min": -1.0, "max": 1.0, "bits": 3}


def told(described: dict[str, Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        soen.Circuit.read(described)
    return [line for warning in caught for line in str(warning.message).split("\n  ")[1:]]


def layer(kind: str = "SingleDendrite", **entry: Any) -> dict[str, Any]:
    """A layer that further layers follow."""
    params = entry.pop("params", {})
    return tree({"layer_type": kind, "params": params, **entry}, "Linear")


def connection(params: dict[str, Any], kind: Any = "RNN", **entry: Any) -> dict[str, Any]:
    described = tree(kind)
    described["connections"][0] |= {"params": params} | entry
    return described


def first(**entry: Any) -> dict[str, Any]:
    described = tree("Linear")
    params = {"dim": 3} | entry.pop("params", {})
    described["layers"][0] = {"layer_id": 0, "layer_type": "SingleDendrite", "params": params, **entry}
    return described


@pytest.mark.parametrize(
    ("described", "key", "why"),
    [
        (first(params={"gamma_plus": 0.1}), "layers[0].params.gamma_plus", "input_type: flux"),
        (first(noise={"phi": 0.1}), "layers[0].noise.phi", "input_type: flux"),
        (first(perturb={"phi_mean": 0.1}), "layers[0].perturb.phi_mean", "input_type: flux"),
        (
            first(perturb={"extras_std": {"gamma_plus": 0.1}}),
            "layers[0].perturb.extras_std.gamma_plus",
            "input_type: flux",
        ),
        (tree("RNN", early_stopping_patience=3), "simulation.early_stopping_patience", "_pass is off"),
        (tree("RNN", steady_window_min=0), "simulation.steady_window_min", "_pass is off"),
        (tree("RNN", out_of_range="edge"), "simulation.out_of_range", "no source function"),
        (tree("RNN", noise_in="training"), "simulation.noise_in", "neither noise"),
        (
            tree(
                "RNN",
                network_evaluation_method="stepwise_jacobi",
                early_stopping_forward_pass=True,
                steady_window_min=0,
                steady_tol_abs=1.0,
            ),
            "simulation.steady_tol_abs",
            "steady_window_min is 0",
        ),
        (layer(params={"bias_current": 1.5}), "layers[1].params.bias_current", "Tanh does not depend"),
        (layer(noise={"bias_current": 0.1}), "layers[1].noise.bias_current", "Tanh does not depend"),
        (
            layer(params={"phi_offset": {"value": 2.0, "constraints": {"max": 1.0}}}),
            "layers[1].params.phi_offset",
            "into their box, at most 1",
        ),
        (layer(noise={"relative": True}), "layers[1].noise.relative", "no noise"),
        (layer("LeakyGRU", params=LEAKY | {"decay_bias": 0.3}), "layers[1].params.tau_init", "decay_bias"),
        (layer("LeakyGRU", params=LEAKY | {"tau_spacing": "linear"}), "layers[1].params.tau_spacing", "no ["),
        (
            layer(params={"polarity_enforcement_method": "clip_to_zero"}),
            "layers[1].params.polarity_enforcement_method",
            "no polarity",
        ),
        (
            tree({"layer_type": "RNN", "params": {"polarity": [1, 1, -1]}}),
            "layers[1].params.polarity",
            "no connection leaves",
        ),
        (
            connection({"init": {"name": "kaiming_normal", "params": {"a": 0.5}}}),
            "connections[0].params.init.params.a",
            "leaky_relu",
        ),
        (
            connection({"structure": {"type": "block_structure", "params": BLOCKS}}),
            "connections[0].params.structure.params.cross_block_density",
            "connection_mode is none",
        ),
        (connection(WICC), "connections[0].params.connection_params.bias_current", "Tanh does not depend"),
        (
            connection({"allow_self_connections": False}, {"layer_type": "RNN", "params": {"dim": 4}}),
            "connections[0].params.allow_self_connections",
            "different size",
        ),
        (
            layer("RNN", params={"learnable_params": {"connectivity.weight": False}}),
            "layers[1].params.learnable_params.connectivity.weight",
            "no self connection",
        ),
        (
            connection({"learnable": True}, learnable=False),
            "connections[0].learnable",
            "params.learnable decides",
        ),
        (tree("RNN") | {"quantization": LEVELS | {"connections": []}}, "quantization", "is empty"),
        (
            connection({}, learnable=False) | {"quantization": LEVELS},
            "quantization",
            "no connection is trained",
        ),
    ],
)
def test_a_setting_that_cannot_act_is_told_with_its_key(described, key: str, why: str) -> None:
    (line,) = told(described)
    assert line.startswith(f"{key}: ") and why in line


@pytest.mark.parametrize(
    "described",
    [
        tree("SingleDendrite", "Linear"),
        first(noise={"s": 0.1}),
        tree("RNN", early_stopping_patience=1, steady_tol_abs=1e-5, out_of_range="zero", noise_in="always"),
        layer(params={"bias_current": 1.7, "polarity_enforcement_method": "sign_flip"}),
        layer(params={"bias_current": 1.5, "source_func": "RateArray"}),
        layer("LeakyGRU", params={"tau_init": [5.0, 50.0], "tau_spacing": "linear"}),
        connection(
            {"structure": {"type": "block_structure", "params": BLOCKS | {"cross_block_density": 0.0}}}
        ),
        connection({}, learnable=False) | {"quantization": LEVELS | {"connections": ["J_0_to_1"]}},
    ],
)
def test_a_setting_that_acts_or_equals_the_default_is_not_told(described) -> None:
    assert told(described) == []


def test_a_current_acts_on_power_whatever_the_source_function() -> None:
    bias = {"layer_type": "SingleDendrite", "params": {"bias_current": 1.5}}
    assert told(tree(bias, "Linear", track_power=True)) == []


def test_the_place_of_what_cannot_act_is_told_and_circuits_of_python_are_looked_at_too(
    tmp_path: Path,
) -> None:
    (tmp_path / "c.yaml").write_text("""
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 2}}
simulation:
  out_of_range: edge
""")
    with pytest.warns(UserWarning, match=r"c\.yaml:5:17  simulation\.out_of_range: no source"):
        soen.load(tmp_path / "c.yaml")
    with pytest.warns(UserWarning, match=r"the circuit: without effect\n  simulation\.out_of_range"):
        soen.Circuit(
            layers=(soen.Layer(layer_id=0, layer_type="Linear", params={"dim": 3}),),
            simulation=soen.Simulation(out_of_range="edge"),
        )


def test_files_of_the_original_with_every_default_are_read_without_a_word() -> None:
    for name in {*NAMES} - {"constraints"}:  # which starts a current below the box that it has for it
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            soen.load(GOLDEN / f"{name}.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        soen.load(GOLDEN / "sd_tracking_power.soen")
        soen.load(GOLDEN / "sd_tracking_power.export.json")
