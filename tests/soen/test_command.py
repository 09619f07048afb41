"""`leyden soen simulate`, `show` and `rate-table`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from leyden import soen
from leyden.cli.main import main as command_line
from tests.soen.golden_case import GOLDEN, Case


def main(words: list[str]) -> int:
    """A command of the group."""
    return command_line(["soen", *words])


@pytest.mark.parametrize(
    "name",
    [
        "conn_WICC_layerwise",
        "virtual_LSTM_internal",
        "feedback_stepwise_gauss_seidel",
        "sd_tracking_power_gs",
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_histories_are_those_of_the_original(name: str, dtype: str, tmp_path: Path) -> None:
    arrays, output = str(GOLDEN / f"{name}.npz"), str(tmp_path / "out.npz")
    words = ["simulate", str(GOLDEN / f"{name}.yaml"), "--input", arrays, "--parameters", arrays]
    assert main([*words, "--dtype", dtype, "--output", output]) == 0
    case, bits = Case.read(name), int(dtype[-2:])
    with np.load(output) as found:
        for key, expected in case.arrays.items():
            name, _, layer = key.partition("/")
            # the original has zeros where nothing was recorded
            if name.endswith(str(bits)) and name[:4] != "grad" and expected.any():
                name = name.removesuffix(str(bits)).removeprefix("out")
                scale = max(1.0, float(np.abs(expected).max()))  # of energies
                array = found[f"{name}/{layer}" if name else layer]
                np.testing.assert_allclose(array, expected, atol=case.tolerance(bits) * scale, rtol=0)


def test_a_picture_shows_what_was_simulated(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = [
        "simulate",
        str(GOLDEN / "sd_tracking_power.soen"),
        "--input",
        str(GOLDEN / "sd_tracking_power.npz"),
    ]
    main([*words, "--output", str(tmp_path / "out.npz"), "--plot", str(tmp_path / "out.png")])
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"
    with np.load(tmp_path / "out.npz") as found:
        assert {"layer_0", "layer_1", "phi/layer_1", "g/layer_1", "power_bias/layer_1"} <= set(found.files)


def test_given_couplings_masks_and_states_are_used(tmp_path: Path) -> None:
    case = Case.read("conn_WICC_layerwise")
    saved = soen.load(GOLDEN / "conn_WICC_layerwise.yaml")
    from leyden.soen.simulate import simulate

    plain = simulate(saved, case.arrays["input"], case.arrays)["layer_2"]
    for name, array in {
        "wicc_j_out/J_0_to_1": np.zeros(5),
        "mask/J_0_to_1": np.zeros((5, 4)),
        "init/layer_1": np.full(5, 0.2),
    }.items():
        assert not np.allclose(
            simulate(saved, case.arrays["input"], case.arrays | {name: array})["layer_2"], plain
        )


def test_arrays_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    from leyden.soen.simulate import simulate

    case, saved = Case.read("sd_Tanh"), soen.load(GOLDEN / "sd_Tanh.yaml")
    for name, match in (
        ("param/layers.1.phi_ofset", "phi_ofset"),
        ("mask/J_1_to_0", "J_1_to_0"),
        ("wicc_j_out/J_0_to_1", "no such connection"),
        ("init/layer_9", "layer_9"),
    ):
        with pytest.raises(soen.CircuitError, match=match):
            simulate(saved, case.arrays["input"], case.arrays | {name: np.zeros(5)})


def test_arrays_that_do_not_fit_are_told_with_their_files(tmp_path: Path, capsys) -> None:
    circuit, given = GOLDEN / "sd_tracking_power.yaml", {"param/layers.1.phi_offset": np.zeros(99)}
    x = np.load(GOLDEN / "sd_tracking_power.npz")["input"]
    np.savez(tmp_path / "wide.npz", input=np.concatenate([x, x], 2))
    np.savez(tmp_path / "right.npz", input=x, **{"init/layer_99": np.zeros(1)})
    np.savez(tmp_path / "wrong.npz", **given)
    for words, place in (
        (["wide.npz"], "in the input of wide.npz\n"),
        (["right.npz"], "in the initial states of right.npz\n"),
        (["wide.npz", "--parameters", "wrong.npz"], " in the parameters of wrong.npz\n"),
    ):
        inputs = [str(tmp_path / w) if w.endswith("npz") else w for w in words]
        line = ["simulate", str(circuit), "--input", *inputs, "--output", str(tmp_path / "out.npz")]
        assert main(line) == 2
        assert place in capsys.readouterr().err.replace(f"{tmp_path}/", "")


def test_an_input_file_without_an_input_is_refused(tmp_path: Path, capsys) -> None:
    np.savez(tmp_path / "x.npz", inputs=np.zeros((1, 2, 3)))
    words = [
        "simulate",
        str(GOLDEN / "sd_Tanh.yaml"),
        "--input",
        str(tmp_path / "x.npz"),
        "--output",
        "o.npz",
    ]
    assert main(words) == 2
    assert re.search(r"must have an array `input`.*but has inputs", capsys.readouterr().err)


@pytest.mark.parametrize(
    "file", ["sd_tracking_power.soen", "conn_NOCC_layerwise.yaml", "virtual_LeakyGRU_zero.yaml"]
)
def test_a_circuit_is_told_in_physical_units(file: str, capsys) -> None:
    main(["show", str(GOLDEN / file)])
    text = capsys.readouterr().out
    assert "time step     37 = 0.09988 ns" in text and "J_0_to_1: dense" in text
    assert ("µA" in text) == (not file.startswith("virtual"))


def test_a_rate_table_is_computed_for_the_wanted_grid(tmp_path: Path) -> None:
    grid = ["--currents", "2.1", "2.4", "2", "--fluxes", "3"]
    assert main(["rate-table", "--output", str(tmp_path / "t.npz"), *grid]) == 0
    table = soen.RateTable.read(tmp_path / "t.npz")
    assert table.rates.shape == (2, 3) and table.parameters["beta_c"] == 0.3
    assert (np.diff(table.rates, axis=0) > 0).all()  # more bias, more voltage


def test_a_wrong_grid_is_refused(tmp_path: Path, capsys) -> None:
    words = ["rate-table", "--output", str(tmp_path / "t.npz"), "--currents", "2.0", "1.5", "2"]
    assert main(words) == 2
    assert "ascending" in capsys.readouterr().err
