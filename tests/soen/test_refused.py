"""What a description must not say: each is refused under its key, with the rule, and all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden import soen
from leyden.cli.main import main as command_line
from tests.soen.circuits import tree

NAN, INFINITE = float("nan"), float("inf")
ON_GRID = {"expected_fan_out": 1, "connection_scope": "internal"}
WIDE = {"layer_type": "SingleDendrite", "params": {"dim": 4}}


def dendrite(params: dict[str, Any], **entry: Any) -> dict[str, Any]:
    return tree({"layer_type": "SingleDendrite", "params": params, **entry})


def connected(params: Any, kind: Any = "SingleDendrite", **entry: Any) -> dict[str, Any]:
    described = tree(kind)
    described["connections"][0] |= {"params": params, **entry}
    return described


def structured(pattern: str, kind: Any = "SingleDendrite", **params: Any) -> dict[str, Any]:
    return connected({"structure": {"type": pattern, "params": params}}, kind)


def drawn(distribution: str, **params: Any) -> dict[str, Any]:
    return dendrite({"phi_offset": {"distribution": distribution, "params": params}})


def problems(described: dict[str, Any], **options: Any) -> list[str]:
    with pytest.raises(soen.CircuitError) as raised:
        soen.build(described, **options)
    return raised.value.problems


LAYER, CONNECTION = "layers[1].params", "connections[0].params"
REFUSED = [
    (dendrite({"bias_current": 10**400}), f"{LAYER}.bias_current: must be a finite number"),
    (dendrite({"bias_current": {"value": [1]}}), f"{LAYER}.bias_current.value: must be a finite number"),
    (dendrite({"bias_current": -1.7}), f"{LAYER}.bias_current: must be at least 0, but got -1.7"),
    (dendrite({"gamma_minus": -1}), f"{LAYER}.gamma_minus: must be at least 0, but got -1"),
    (
        dendrite({"bias_current": {"value": 1.7, "constraints": {"min": -5, "max": -1}}}),
        f"{LAYER}.bias_current.constraints: must allow a value that the equations do: at least 0",
    ),
    *[
        (
            dendrite({"bias_current": {"constraints": {end: value}}}),
            f"{LAYER}.bias_current.constraints.{end}: ",
        )
        for end, value in (("min", NAN), ("min", INFINITE), ("max", NAN), ("max", -INFINITE))
    ],
    (
        connected({"constraints": {"min": NAN}}),
        f"{CONNECTION}.constraints.min: must be a number, but got nan",
    ),
    (drawn("uniform", min=2.0, max=1.0), f"{LAYER}.phi_offset.params: min must not be above max"),
    (drawn("loguniform", min=2.0, max=1.0), f"{LAYER}.phi_offset.params: min must not be above max"),
    (drawn("loglinear", min=-3.0), f"{LAYER}.phi_offset.params: min of a logarithm must be above 0"),
    (drawn("fan_out", node_fan_outs=[-1, 1, 1]), "node_fan_outs[0]: must be at least 0, but got -1"),
    (drawn("fan_out", node_fan_outs=[1, 2.7, 1]), "node_fan_outs[1]: must be an integer, but got 2.7"),
    (
        drawn("normal", sdt=0.1),
        f"{LAYER}.phi_offset.params.sdt: unknown key, but got 0.1; did you mean `std`?",
    ),
    (
        connected({"init": {"name": "uniform", "params": {"min": 0.5}}}),
        f"{CONNECTION}.init.params: min must not be above max, but got 0.5 and 0.24; give both",
    ),
    *[
        (connected(params), f"{CONNECTION}: must be a mapping, but got")
        for params in (5, True, 0, "", [], "no")
    ],
    (connected({"connection_params": "x"}), f"{CONNECTION}.connection_params: "),
    (connected({"init": {"params": []}}), f"{CONNECTION}.init.params: must be a mapping, but got []"),
    (
        dendrite({"gamma_plus": {"distribution": "normal", "params": 0}}),
        f"{LAYER}.gamma_plus.params: must be",
    ),
    (connected({"structure": {"pattern": {}}}), f"{CONNECTION}.structure.pattern: unknown key"),
    (connected({"init": {"initialiser": {}}}), f"{CONNECTION}.init.initialiser: unknown key"),
    (connected({"init": "normal", "sdt": 0.3}), "sdt: unknown key, but got 0.3; did you mean `std`?"),
    (structured("power_law", WIDE, **ON_GRID), "write connection_scope: external"),
    (
        tree("Linear") | {"layers": [{"layer_id": 0, "layer_type": "Linear", "params": {"dim": 10**11}}]},
        "layers[0].params.dim: must be at most 10000000",
    ),
    (
        tree(
            {"layer_type": "Linear", "params": {"dim": 10**7}},
            {"layer_type": "Linear", "params": {"dim": 10**7}},
        ),
        "connections[1]: J_1_to_2: may have at most 4,294,967,296 weights, but has 10000000 x 10000000",
    ),
    (
        dendrite({"polarity": [1, 1, -1], "polarity_init": "inhibitory"}),
        f"{LAYER}: takes one of polarity and polarity_init, not both",
    ),
    (
        dendrite({"polarity": [1, 1, -1], "polarity_file": "gone.npy"}),
        f"{LAYER}: takes one of polarity and polarity_file, not both",
    ),
    (
        dendrite({"phi_offset": {"learnable": False}, "learnable_params": {"phi_offset": True}}),
        f"{LAYER}.learnable_params.phi_offset: must agree with what else is said of phi_offset",
    ),
    (
        dendrite({"learnable_params": {"log_gamma_plus": True, "gamma_plus": False}}),
        f"{LAYER}.learnable_params.log_gamma_plus: must agree with what else is said of gamma_plus",
    ),
    (dendrite({}, noise={"phi": 0.1, "extras": {"phi": 0.0}}), "layers[1].noise: phi has a key of its own"),
    (dendrite({}, perturb={"extras_std": {"phi": 0.0}}), "layers[1].perturb: phi_std has a key of its own"),
    (dendrite({}, nois=None), "layers[1].nois: unknown key, but got null; did you mean `noise`?"),
    (tree("RNN", trak_phi=None), "simulation.trak_phi: unknown key, but got null; did you mean `track_phi`?"),
    (
        tree({"layer_type": "LeakyGRU", "params": {"tau_init": [1.0, -5.0]}}),
        f"{LAYER}.tau_init: must be above 0, but got -5",
    ),
    (tree("RNN", input_type="sate"), "simulation.input_type: must be 'state' or 'flux', but got 'sate'"),
    (dendrite({"polarity_init": {"rato": 0.5}}), f"{LAYER}.polarity_init.rato: unknown key, but got 0.5"),
    (
        connected({"mode": "WICC", "connection_params": {"j_out": ["x", 1.0, 1.0]}}),
        f"{CONNECTION}.connection_params.j_out[0]: must be a number, but got 'x'",
    ),
    (tree("RNN") | {"seed": 10**39}, "seed: must be at most 18446744073709551615"),
]


@pytest.mark.parametrize(("described", "told"), REFUSED)
def test_what_cannot_be_meant_is_refused_under_its_key(described: dict[str, Any], told: str) -> None:
    (problem,) = problems(described)
    assert told in problem


def test_bounds_without_end_leave_a_box_open() -> None:
    circuit = soen.Circuit.read(connected({"constraints": {"min": -INFINITE, "max": INFINITE}}))
    assert circuit == soen.Circuit.read(tree("SingleDendrite"))


def test_a_range_of_equal_steps_may_fall() -> None:
    net = soen.build(drawn("linear", min=2.0, max=1.0))
    assert net.layer(1).phi_offset.tolist() == [2.0, 1.5, 1.0]


def test_a_structure_without_a_type_has_that_of_its_connection() -> None:
    described = connected({"structure": {"params": {"sparsity": 0.5}}}, connection_type="sparse")
    assert soen.Circuit.read(described).connections[0].params.structure.type == "sparse"


def test_an_unknown_item_of_compat_hides_nothing_else() -> None:
    found = problems(dendrite({"gama_plus": 1}) | {"compat": ["typo"]})
    assert [problem.partition(":")[0] for problem in found] == ["layers[1].params.gama_plus", "compat"]


@pytest.mark.parametrize(
    ("described", "mended"),
    [
        (dendrite({"bias_current": -1.7}), r"bias_current though it must be at least 0, but got -1\.7"),
        (
            dendrite({"polarity": [1, 1, 1], "polarity_init": "inhibitory"}),
            "polarity in place of polarity_init",
        ),
        (drawn("loguniform", min=2.0, max=1.0), "max 1"),
        (tree({"layer_type": "LeakyGRU", "params": {"tau_init": -5.0}}), "tau_init -5 for tau_eps"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*without effect")
def test_what_the_original_clamps_is_taken_with_a_warning_where_it_is_asked_for(
    described, mended: str
) -> None:
    assert problems(described)
    with pytest.warns(UserWarning, match=mended):
        net = soen.build(described, compat=["settings"])
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())


def with_file(key: str, path: str) -> dict[str, Any]:
    named = {f"{key}_file": path}
    if key == "polarity":
        return dendrite({}) | {
            "layers": [{"layer_id": 0, "layer_type": "Linear", "params": {"dim": 3} | named}]
        }
    block = {"type": "custom"} if key == "mask" else {"name": "custom"}
    return connected({"structure" if key == "mask" else "init": block | {"params": named}})


@pytest.mark.parametrize(
    ("key", "array", "told"),
    [
        ("mask", np.full((3, 3), 0.5), "must have no other numbers than 0, 1, but has 0.5"),
        ("mask", np.ones((3, 2)), "must have shape (3, 3), but got (3, 2)"),
        ("weights", np.ones((3, 3)).astype(str), "`weights` must hold real numbers, but got <U"),
        ("polarity", np.array([1.0, 0.5, 1.0]), "must have no other numbers than -1, 0, 1, but has 0.5"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_owner(key, array, told: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    described = with_file(key, str(tmp_path / "a.npy"))
    if key == "polarity":
        described["connections"] = []
    (problem,) = problems(described)
    assert problem.startswith("layer 0: " if key == "polarity" else "J_0_to_1: ") and told in problem


def test_all_files_that_cannot_be_used_are_told_together(tmp_path: Path) -> None:
    described = tree("SingleDendrite", "SingleDendrite")
    np.savez(tmp_path / "other.npz", x=np.ones((3, 3)))
    for connection, file in zip(described["connections"], ("gone.npz", "other.npz"), strict=True):
        custom = {"type": "custom", "params": {"mask_file": str(tmp_path / file)}}
        connection["params"] = {"structure": custom}
    first, second = problems(described)
    assert "J_0_to_1: mask_file: " in first and "does not exist" in first
    assert second.startswith("J_1_to_2: ") and "must have an array `mask`, but has x" in second


MASKED = """
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 3}}
  - {layer_id: 1, layer_type: Linear, params: {dim: 3}}
connections:
  - {from_layer: 0, to_layer: 1, connection_type: custom, params: {mask_file: m.npz}}
"""


def test_files_that_a_circuit_names_lie_beside_it_or_where_it_is_run(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "beside" / "c.yaml").write_text(MASKED)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(soen.CircuitError, match=r"c\.yaml:6:79 .*mask_file: m\.npz does not exist"):
        soen.load("../beside/c.yaml")
    for number, folder in enumerate(("here", "beside")):
        np.savez(tmp_path / folder / "m.npz", mask=np.full((3, 3), number))
        assert (soen.build("../beside/c.yaml").masks["J_0_to_1"] == number).all()


WRONG = """
simulation: {early_stopping_forward_pass: true}
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 2, polarity: [1, -1]}}
  - layer_id: 1
    layer_type: RNN
    params: {dim: 2}
    noise:
      g: 0.1
connections:
  - from_layer: 0
    to_layer: 1
    params:
      mode: WICC
"""
NESTED = """
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 2}}
  - layer_id: 1
    layer_type: SingleDendrite
    params:
      dim: 2
      gamma_plus:
        distribution: normal
        params:
          sdt: 3
connections:
  - from_layer: 0
    to_layer: 1
    params:
      structure:
        type: chain
        params:
          sparsty: 0.2
      init:
        name: uniform
        params:
          mni: 0.2
      dynamic:
        gamma_plus: 0.1
        half_flux_offset: maybe
sim_config:
  trak_phi: true
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            WRONG,
            [
                "2:43  simulation.early_stopping_forward_pass: needs a stepwise evaluation",
                "9:10  layers[1].noise.g: layer 1: RNN has no g to disturb",
                "14:13  connections[0].params.mode: J_0_to_1: WICC cannot keep the polarity of layer 0",
            ],
        ),
        (
            NESTED,
            [
                "11:16  layers[1].params.gamma_plus.params.sdt: unknown key",
                "19:20  connections[0].params.structure.params.sparsty: unknown key",
                "23:16  connections[0].params.init.params.mni: unknown key",
                "26:27  connections[0].params.dynamic.half_flux_offset: must be true or false",
                "28:13  sim_config.trak_phi: unknown key",
            ],
        ),
    ],
)
def test_every_problem_has_its_line_however_deep_it_lies(
    text: str, told: list[str], tmp_path, capsys
) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert command_line(["soen", "show", str(tmp_path / "c.yaml")]) == 2
    printed = capsys.readouterr().err
    assert f"{len(told)} problems in" in printed
    for line in told:
        assert f"c.yaml:{line}" in printed
