"""Model files keep all that a network computes with, and one that contradicts itself is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden import soen
from tests.soen.circuits import some_input, tree
from tests.soen.golden_case import GOLDEN

ENDINGS = (".soen", ".pth", ".json")
TABLE = {"layer_type": "SingleDendrite", "params": {"source_func": "RateArray"}}
SPARSE = {"from_layer": 0, "to_layer": 1, "connection_type": "constant", "params": {"expected_fan_out": 1}}

Changed = Callable[[dict[str, Any]], object]


def table(first: float, last: float) -> soen.RateTable:
    currents = np.linspace(first, last, 7)
    return soen.RateTable(currents=currents, rates=np.outer(currents, np.linspace(0.1, 1.0, 5)))


def through(net: Any, path: Path) -> Any:
    soen.save(net, path)
    return soen.build(path)


def edited(path: Path, change: Changed) -> Path:
    """The same file after a change of its tree."""
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    else:
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)
    return path


NAN = float("nan")
GONE = object()


def put(path: str, value: Any) -> Changed:
    """A change of what a tree has under keys with bars between them; `GONE` takes it out."""

    def change(content: Any) -> None:
        *keys, last = [int(key) if key.isdecimal() else key for key in path.split("|")]
        for key in keys:
            content = content[key]
        if value is GONE:
            del content[last]
        else:
            content[last] = value

    return change


def written(folder: Path, ending: str) -> Path:
    """A file of a sparse connection and a layer with a Tanh."""
    described = tree("SingleDendrite") | {"connections": [SPARSE]}
    soen.save(soen.build(described, seed=1), folder / f"model{ending}")
    return folder / f"model{ending}"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("where", ["layer", "connection"])
def test_a_network_computes_the_same_with_its_table_after_saving(where, ending: str, tmp_path: Path) -> None:
    described = tree(TABLE if where == "layer" else "SingleDendrite")
    if where == "connection":
        described["connections"][0]["params"] = {
            "mode": "WICC",
            "connection_params": {"source_func": "RateArray"},
        }
    net = soen.build(described, seed=1, table=table(0.5, 3.0))
    once = through(net, tmp_path / f"a{ending}")
    again = through(once, tmp_path / f"b{ending}")
    x = some_input().float()
    assert once.rate_range.tolist() == again.rate_range.tolist() == [0.5, 3.0]
    assert torch.equal(once.rate_table, net.rate_table)
    assert torch.equal(once(x), net(x)) and torch.equal(again(x), net(x))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_network_in_double_precision_is_saved_in_it(ending: str, tmp_path: Path) -> None:
    net = soen.build(tree("SingleDendrite"), seed=1).double()
    with torch.no_grad():
        net.connections["J_0_to_1"].add_(1e-12)
    again = through(net, tmp_path / f"m{ending}")
    assert again.dt.dtype == torch.float64
    assert torch.equal(again.connections["J_0_to_1"], net.connections["J_0_to_1"])


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_set_after_building_is_saved(ending: str, tmp_path: Path) -> None:
    net = soen.build(tree({"layer_type": "SingleDendrite", "noise": {"g": 0.2}}, dt=0.1), seed=1)
    assert through(net, tmp_path / f"a{ending}").circuit == net.circuit
    net.set_noise(1, "phi", 0.3)
    net.set_perturbation(1, "gamma_plus", mean=0.1, std=0.2)
    net.set_noise("J_0_to_1", "j", 0.5)
    net.dt.fill_(74.0)
    again = through(net, tmp_path / f"b{ending}")
    assert again.layer(1).levels == net.layer(1).levels
    assert again.circuit.layer(1).noise.phi == 0.3 and again.circuit.layer(1).noise.g == 0.2
    assert again.levels == net.levels and again.dt == again.circuit.simulation.dt == 74


@pytest.mark.parametrize(
    ("where", "key", "std", "told"),
    [
        (1, "phi", -0.1, "phi: must be at least 0, but got -0.1"),
        (1, "phi", float("nan"), "phi: must be a finite number, but got nan"),
        (1, "gamma_plus", float("inf"), "extras.gamma_plus: must be a finite number"),
        ("J_0_to_1", "j", "much", "j: must be a number, but got 'much'"),
    ],
)
def test_noise_of_no_strength_is_refused(where: Any, key: str, std: Any, told: str) -> None:
    net = soen.build(tree("SingleDendrite"))
    with pytest.raises(soen.CircuitError, match=told):
        net.set_noise(where, key, std)
    with pytest.raises(soen.CircuitError, match=told.split(":")[1]):
        net.set_perturbation(where, key, std=std)


@pytest.mark.parametrize(
    ("ending", "path", "told"),
    [
        (".json", "simulation|dt", "74 (simulation.dt), 37 (layers.0._dt, layers.1._dt)"),
        (".json", "layers|layer_1|buffers|_dt", "37 (simulation.dt, layers.0._dt), 74 (layers.1._dt)"),
        (".soen", "sim_config|dt", "74 (simulation.dt), 37 (layers.0._dt, layers.1._dt, dt itself)"),
        (".soen", "dt", "37 (simulation.dt, layers.0._dt, layers.1._dt), 74 (dt itself)"),
    ],
)
def test_time_steps_that_contradict_each_other_are_refused(ending, path: str, told: str, tmp_path) -> None:
    with pytest.raises(soen.CircuitError, match=re.escape(told)):
        soen.load(edited(written(tmp_path, ending), put(path, 74.0)))


def test_a_time_step_counts_wherever_the_file_has_it(tmp_path: Path) -> None:
    def only_in_the_layers(content: dict[str, Any]) -> None:
        del content["simulation"]["dt"]
        for layer in content["layers"].values():
            layer["buffers"]["_dt"] = 50

    net = soen.build(edited(written(tmp_path, ".json"), only_in_the_layers))
    assert net.circuit.simulation.dt == net.dt == 50


def test_a_learned_time_step_that_is_told_twice_is_said(tmp_path: Path) -> None:
    soen.save(soen.build(tree("SingleDendrite", dt_learnable=True)), tmp_path / "m.soen")

    path = edited(tmp_path / "m.soen", put("state_dict|dt", torch.tensor(36.0)))
    with pytest.warns(UserWarning, match=r"is 36 \(dt\), 37 \(layers.0._dt.*the first is taken"):
        assert soen.build(path).dt == 36


@pytest.mark.parametrize(
    ("ending", "path", "value", "told"),
    [
        (".json", "connections|matrices|J_0_to_1|0|1", NAN, "must be finite, but [0, 1] is nan"),
        (".json", "layers|layer_1|parameters|phi_offset", [1, 1e300, 1], "must be finite, but [1] is inf"),
        (".json", "layers|layer_1|parameters|phi_offset", [1, [2]], "must hold real numbers, but got object"),
        (".json", "connections|masks|J_0_to_1", "x", "must hold real numbers, but got <U1"),
        (".soen", "state_dict|layers.1.phi_offset|1", NAN, "`layers.1.phi_offset` must be finite"),
        (".soen", "state_dict|layers.1.phi_offset", "x", "must hold real numbers, but got <U1"),
        (".soen", "state_dict|layers.1._dt", torch.ones(2), "`layers.1._dt` must be one number"),
        (".soen", "connection_masks|J_0_to_1", torch.ones(9), "the mask of J_0_to_1 must have shape (3, 3)"),
        (".soen", "connection_masks|J_0_to_1|0", 0.5, "must hold zeros and ones, but got 0.5"),
        (".soen", "state_dict|connections.J_0_to_1", GONE, "must have shape (3, 3), but got nothing"),
        (".soen", "sim_config", 5, "sim_config: must be a mapping, but got 5"),
        (".soen", "state_dict", [], "state_dict: must be a mapping, but got []"),
        (".soen", "leyden|sede", 5, "leyden.sede: unknown key, but got 5; did you mean `seed`?"),
        (".soen", "dt_learnable", True, "dt_learnable is True, but sim_config says otherwise"),
        (".json", "metadata", 5, "metadata: must be a mapping, but got 5"),
        (".json", "layers", 5, "layers: must be a mapping, but got 5"),
        (".json", "matadata", 5, "matadata: unknown key, but got 5; did you mean `metadata`?"),
        (".json", "layers|layer_1|param", 5, "layers.layer_1.param: unknown key"),
        (".json", "layers|layer_1|config|typ", 5, "layer_1.config.typ: unknown key, but got 5; did you mean"),
        (".json", "layers|layer_x", {}, "layers.layer_x"),
        (".json", "connections|mask", 5, "connections.mask: unknown key, but got 5; did you mean `masks`?"),
        (".json", "connections|config|J_0_to_1|form", 5, "unknown key, but got 5; did you mean `from`?"),
    ],
)
def test_a_model_file_that_makes_no_sense_is_refused(ending, path: str, value, told: str, tmp_path) -> None:
    with pytest.raises(soen.CircuitError, match=re.escape(told)):
        soen.build(edited(written(tmp_path, ending), put(path, value)))


def test_every_problem_of_an_exported_model_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, ".json")
    text = path.read_text().replace('"dim": 3', '"dim": 0').replace('"from": 0', '"from": "zero"')
    path.write_text(text)
    with pytest.raises(soen.CircuitError) as caught:
        soen.load(path)
    lines = text.splitlines()
    for word in ('"dim": 0', '"from": "zero"'):
        line = next(n for n, content in enumerate(lines, 1) if word in content)
        assert f"{path}:{line}:" in str(caught.value)


def test_keys_that_the_original_does_not_read_are_dropped_from_its_files_with_a_warning(tmp_path) -> None:
    content = json.loads((GOLDEN / "sd_tracking_power.export.json").read_text())
    content["layers"]["layer_1"]["colour"] = "red"
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=r"nothing reads.*ExportedLayer\.colour"):
        soen.load(tmp_path / "theirs.json")


@pytest.mark.parametrize(("key", "joined"), [("matrices", "global_matrix"), ("masks", "global_mask")])
def test_a_joined_matrix_that_was_edited_is_said_to_count_for_nothing(key, joined, tmp_path: Path) -> None:
    path = edited(written(tmp_path, ".json"), put(f"connections|{joined}|0|0", 7.0))
    with pytest.warns(UserWarning, match=f"connections.{key} and the global matrix of the same differ"):
        soen.load(path)


def test_masks_that_are_missing_are_said_where_the_description_has_some(tmp_path: Path) -> None:
    path = edited(written(tmp_path, ".soen"), put("connection_masks", GONE))
    with pytest.warns(UserWarning, match="no mask of J_0_to_1; all of their weights are taken to exist"):
        assert soen.build(path).masks["J_0_to_1"].all()
    soen.save(soen.build(tree("SingleDendrite")), path)
    soen.build(edited(path, put("connection_masks", GONE)))  # dense: there is nothing to say


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_model_file_with_a_flipped_bit_is_read_or_refused(bit: int, tmp_path: Path) -> None:
    path = written(tmp_path, ".soen")
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 29):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            soen.build(path)
        except soen.CircuitError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.full((3, 3), np.nan), "`weights` must be finite, but [0, 0] is nan"),
        (np.ones((3, 3)) * 1j, "`weights` must hold real numbers, but got complex128"),
        (np.ones((2, 3)), "`weights` must have shape (3, 3), but got (2, 3)"),
    ],
)
def test_a_weights_file_without_usable_weights_is_refused(array, told: str, tmp_path: Path) -> None:
    described = tree("SingleDendrite")
    np.save(tmp_path / "w.npy", array)
    init = {"name": "custom", "params": {"weights_file": str(tmp_path / "w.npy")}}
    described["connections"][0]["params"] = {"init": init}
    with pytest.raises(soen.CircuitError, match=re.escape(told)):
        soen.build(described)


def test_saving_makes_the_folder_and_leaves_nothing_beside(tmp_path: Path) -> None:
    net = soen.build(tree("SingleDendrite"))
    for ending in ENDINGS:
        soen.save(net, tmp_path / "new" / f"m{ending}")
        (tmp_path / "new" / f"folder{ending}").mkdir()
        with pytest.raises(soen.CircuitError, match="is a folder; name a file in it"):
            soen.save(net, tmp_path / "new" / f"folder{ending}")
        with pytest.raises(soen.CircuitError, match="cannot be written"):
            soen.save(net, tmp_path / "new" / f"m{ending}" / f"m{ending}")
    soen.write_description(tmp_path / "other" / "c.yaml", net.circuit)
    assert not [*tmp_path.rglob("*part*")]


def test_a_description_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path, circuit = tmp_path / "c.yaml", soen.Circuit.read(tree("SingleDendrite"))
    soen.write_description(path, circuit)
    before = path.read_bytes()
    with pytest.raises(soen.CircuitError, match="must be a Circuit"):
        soen.write_description(path, None)  # type: ignore[arg-type]
    with pytest.raises(soen.CircuitError, match=r"written as .yaml, .yml, .json, but got '.soen'"):
        soen.write_description(tmp_path / "c.soen", circuit)
    assert path.read_bytes() == before


NET = soen.build(tree("SingleDendrite"))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: soen.build(5), "must be a Circuit, a tree or a file, but got 5"),
        (lambda: soen.build([1]), "but got a list"),
        (lambda: soen.build(tree("SingleDendrite"), seed="3"), "seed must be a whole number, but got '3'"),
        (lambda: soen.build(tree("SingleDendrite"), seed=True), "seed must be a whole number, but got true"),
        (lambda: soen.build(tree("SingleDendrite"), table=5), "table must be a RateTable or its file"),
        (lambda: soen.build(tree("SingleDendrite"), exact="no"), "exact must be True or False, but got 'no'"),
        (lambda: soen.load(5), "must be named by a text or a Path, but got 5"),
        (lambda: soen.save(NET.circuit, "x.soen"), "must be a network (write_description writes circuits)"),
        (lambda: soen.save(NET, 5), "must be named by a text or a Path, but got 5"),
        (lambda: NET.simulate(np.ones((1, 5, 3))), "must be a torch.Tensor; torch.from_numpy makes one"),
        (lambda: NET.simulate(torch.ones(1, 5, 3), [1]), "initial states must be a mapping"),
    ],
)
def test_a_call_with_a_wrong_argument_says_what_it_takes(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(soen.CircuitError, match=re.escape(told)):
        call()
