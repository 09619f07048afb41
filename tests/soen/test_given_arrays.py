"""What `leyden soen simulate` is given is used, or said not to be: arrays, seeds, tables, quirks."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from leyden import soen
from leyden.cli.main import main as command_line
from leyden.soen.compat import EVERYTHING
from leyden.soen.saved import Saved
from leyden.soen.simulate import simulate
from tests.soen.circuits import some_input, tree
from tests.soen.golden_case import GOLDEN

X = np.random.default_rng(0).random((2, 6, 2)).astype(np.float32)
NOISY = """\
seed: 5
layers:
  - {layer_id: 0, layer_type: Linear, params: {dim: 2}}
  - {layer_id: 1, layer_type: SingleDendrite, params: {dim: 3, source_func: Tanh}, noise: {phi: 0.1}}
connections:
  - {from_layer: 0, to_layer: 1}
"""
CIRCUIT = NOISY.replace(", noise: {phi: 0.1}", "").replace("seed: 5\n", "")
LINEAR = {"layers": [{"layer_id": 0, "layer_type": "Linear", "params": {"dim": 2}}]}
MASK = np.ones((3, 2), dtype=np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("circuit.yaml").write_text(CIRCUIT)
    Path("noisy.yaml").write_text(NOISY)
    np.savez("x.npz", input=X)
    return tmp_path


def run(*words: str, circuit: str = "circuit.yaml") -> int:
    return command_line(["soen", "simulate", circuit, "--input", "x.npz", "--output", "out.npz", *words])


def test_the_seed_of_a_circuit_decides_its_noise_as_one_that_is_given_does() -> None:
    saved = soen.load("noisy.yaml")
    own, given, other = (simulate(saved, X, seed=seed)["layer_1"] for seed in (None, 5, 6))
    assert np.array_equal(own, given) and not np.array_equal(own, other)


@pytest.mark.parametrize("file", ["model.soen", "circuit.yaml"])
@pytest.mark.parametrize("noise", [False, True])
def test_a_seed_that_decides_nothing_is_said_to(file: str, noise: bool, capsys) -> None:
    Path("circuit.yaml").write_text(NOISY if noise else CIRCUIT)
    network = soen.build("circuit.yaml")
    soen.save(network, "model.soen")
    state = {f"param/{name}": tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    np.savez("p.npz", **state)
    given = ("--parameters", "p.npz") if file == "circuit.yaml" else ()
    assert run("--seed", "3", *given, circuit=file) == 0
    told = "" if noise else "warning: the seed 3 decides nothing: nothing is drawn\n"
    assert capsys.readouterr().err == told


def test_a_seed_that_draws_first_values_is_not_said_to_decide_nothing(capsys) -> None:
    assert run("--seed", "3") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("beside", "parameters", "told"),
    [
        ({"masks/J_0_to_1": MASK}, {}, "x.npz: `masks/J_0_to_1` is not used; did you mean `mask/J_0_to_1`?"),
        ({}, {"mask/J_0_to_1": MASK, "masks/J_0_to_1": MASK}, "p.npz: `masks/J_0_to_1` is not used; did you"),
        (
            {},
            {"mask/J_0_to_1": MASK / 2},
            "`mask/J_0_to_1` must hold zeros and ones, but [0, 0] is 0.5, and 5",
        ),
        ({}, {"mask/J_0_to_1": MASK * [[1, -1]]}, "must hold zeros and ones, but [0, 1] is -1.0, and 2 more"),
        (
            {"init/layer_1": np.zeros(3)},
            {"init/layer_1": np.ones(3)},
            "`init/layer_1` of x.npz differs from that of p.npz; leave one out",
        ),
    ],
)
def test_arrays_that_can_only_be_a_mistake_are_refused(beside, parameters, told: str, capsys) -> None:
    np.savez("x.npz", input=X, **beside)
    np.savez("p.npz", **parameters)
    assert run(*(("--parameters", "p.npz") if parameters else ())) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("beside", "parameters", "told"),
    [
        ({"initial/layer_1": np.zeros(3)}, {}, "warning: x.npz: nothing uses initial/layer_1\n"),
        ({"mask/J_0_to_1": MASK}, {}, "x.npz: nothing uses mask/J_0_to_1; give --parameters x.npz"),
        ({}, {"mask/J_0_to_1": MASK, "seed": np.array(3)}, "warning: p.npz: nothing uses seed\n"),
        ({"init/layer_1": np.ones(3)}, {"init/layer_1": np.ones(3)}, ""),
    ],
)
def test_arrays_that_nothing_uses_are_said(beside, parameters, told: str, capsys) -> None:
    np.savez("x.npz", input=X, **beside)
    np.savez("p.npz", **parameters)
    assert run(*(("--parameters", "p.npz") if parameters else ())) == 0
    said = capsys.readouterr().err
    assert told in said and bool(told) == bool(said)


def test_a_rate_table_beside_a_circuit_is_said_to_be_used(capsys) -> None:
    Path("circuit.yaml").write_text(CIRCUIT.replace("Tanh", "RateArray"))
    command_line(["soen", "show", "circuit.yaml"])
    assert "rate table    the one that ships\n" in capsys.readouterr().out
    soen.RateTable(currents=np.linspace(0.5, 3, 6), rates=np.ones((6, 4))).write("rate_array.npz")
    command_line(["soen", "show", "circuit.yaml"])
    assert "rate_array.npz beside the file, 6 x 4, currents 0.5 to 3\n" in capsys.readouterr().out
    assert run() == 0
    assert "rate_array.npz is the rate table, as it lies beside the circuit\n" in capsys.readouterr().out
    assert run("--rate-table", str(GOLDEN / "rate_array.npz")) == 0
    assert "beside" not in capsys.readouterr().out


def test_a_rate_table_that_nothing_looks_up_is_not_read_and_a_given_one_refused(capsys) -> None:
    Path("rate_array.npz").write_bytes(b"broken")
    assert command_line(["soen", "show", "circuit.yaml"]) == 0
    assert run() == 0
    assert run("--rate-table", str(GOLDEN / "rate_array.npz")) == 2
    assert "no source function of circuit.yaml looks one up; leave it out" in capsys.readouterr().err


def test_every_item_of_compat_is_looked_at(capsys) -> None:
    assert run("--compat", "soen", "--compat", "typo") == 2
    assert "an item of compat must be a known name, but got 'typo'" in capsys.readouterr().err
    assert soen.load("circuit.yaml", compat=["soen", "keys"]).circuit.compat == EVERYTHING


@pytest.mark.parametrize("kind", ["circuit", "saved"])
def test_quirks_that_come_too_late_are_refused(kind: str) -> None:
    saved = soen.load("circuit.yaml")
    with pytest.raises(soen.CircuitError, match="compat acts when a circuit is read"):
        soen.build(saved if kind == "saved" else saved.circuit, compat=["first_state"])
    assert isinstance(soen.build(saved, compat=[]), torch.nn.Module)


def test_a_file_of_the_original_may_be_input_and_parameters_both(capsys) -> None:
    case = str(GOLDEN / "sd_Tanh.npz")
    words = ["--input", case, "--parameters", case]
    assert command_line(["soen", "simulate", str(GOLDEN / "sd_Tanh.yaml"), "--output", "o.npz", *words]) == 0
    assert capsys.readouterr().err.count("nothing uses") == 1


@pytest.mark.parametrize("kind", [">f4", ">f8", "g", "f2", "u1", ">u2", "u4", "u8", ">i8", "?"])
def test_parameters_are_taken_in_every_kind_of_real_number(kind: str) -> None:
    saved = soen.load("circuit.yaml")
    state = {f"param/{n}": t.detach().numpy() for n, t in soen.build(saved).state_dict().items()}
    weights = {"param/connections.J_0_to_1": np.ones((3, 2))}
    plain = simulate(saved, X, state | weights)["layer_1"]
    same = {name: array.astype(kind) for name, array in weights.items()}
    assert np.array_equal(simulate(saved, X, state | same)["layer_1"], plain)
    if np.dtype(kind).kind == "f":
        assert np.allclose(simulate(saved, X.astype(kind), state | same)["layer_1"], plain, atol=1e-3)


def damaged(how: str) -> bytes:
    """An archive that is none."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        text = b"hello" if how == "text" else b"\x93NUMPY\x01\x00\x10\x00{'descr': (((   "
        archive.writestr("input.npy", text)
        if how == "huge":
            header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
            with archive.open("b.npy", "w") as member:
                np.lib.format.write_array_header_1_0(member, header)
    content = bytearray(file.getvalue())
    if how == "compression":
        content[content.index(b"PK\1\2") + 10] = 99
    return bytes(content)


@pytest.mark.parametrize("how", ["text", "header", "huge", "compression"])
@pytest.mark.parametrize("option", ["--input", "--parameters"])
def test_archives_that_numpy_cannot_read_are_refused(how: str, option: str, capsys) -> None:
    Path("damaged.npz").write_bytes(damaged(how))
    assert run(option, "damaged.npz") == 2
    told = {"text": "damaged.npz must have a"}.get(how, "damaged.npz must be a .npz file of plain arrays: ")
    assert told in capsys.readouterr().err


def test_a_rate_table_of_rows_of_different_lengths_is_refused() -> None:
    ragged = {"ib_list": [1.0, 2.0], "phi_array": [0.0, 0.5], "g_array": [[1.0, 2.0], [3.0]]}
    Path("ragged.pkl").write_bytes(pickle.dumps(ragged))
    with pytest.raises(soen.CircuitError, match=r"in the rate table ragged\.pkl\n.*must be arrays"):
        soen.RateTable.read("ragged.pkl")


def test_a_rate_table_that_is_given_for_nothing_is_said() -> None:
    with pytest.warns(UserWarning, match="the rate table decides nothing"):
        soen.build("circuit.yaml", table=GOLDEN / "rate_array.npz")


def test_seeds_that_no_generator_takes_are_refused(capsys) -> None:
    Path("circuit.yaml").write_text(f"seed: {10**39}\n{CIRCUIT}")
    assert run() == 2
    assert "circuit.yaml:1:7  seed: must be" in capsys.readouterr().err
    with pytest.raises(soen.CircuitError, match=r"seed must lie between -2\^63 and 2\^64 - 1, but got 1000"):
        soen.build(LINEAR, seed=10**39)
    assert soen.build(LINEAR, seed=np.int64(3)).seed == 3


def test_numbers_of_double_precision_keep_all_their_digits() -> None:
    described = tree("SingleDendrite", connections=[{"from_layer": 1, "to_layer": 1}])
    network = soen.build(described, seed=0).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.0 + 1e-9 * torch.rand(parameter.shape, dtype=parameter.dtype))
    given = {f"param/{name}": p.numpy() for name, p in network.state_dict().items()}
    x = some_input()
    found = simulate(Saved(circuit=network.circuit), x.numpy(), given, dtype="float64")
    np.testing.assert_array_equal(found["layer_1"], network(x).detach().numpy())


def test_masks_of_self_connections_may_have_their_older_name() -> None:
    described = tree("SingleDendrite", connections=[{"from_layer": 1, "to_layer": 1}])
    saved, x = Saved(circuit=soen.build(described, seed=0).circuit), some_input().numpy()
    nodes = saved.circuit.layer(1).params.dim
    found = [
        simulate(saved, x, {f"mask/{name}": np.eye(nodes)}, dtype="float64")["layer_1"]
        for name in ("J_1_to_1", "internal_1")
    ]
    np.testing.assert_array_equal(*found)
