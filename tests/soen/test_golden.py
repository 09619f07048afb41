"""Every reference case of the original, over the whole history of every layer, with gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leyden import soen
from leyden.soen.compat import EVERYTHING
from leyden.soen.torch.power import Power
from tests.soen.golden_case import GOLDEN, NAMES, Case, table_of

PRECISIONS = {64: torch.float64, 32: torch.float32}
#: gradients of these are wrong in the original; the same circuit integrated step by step has the right ones
REFERENCE = {"sd_pararnn_ratearray": "sd_pararnn_ref_FE"}


def assert_histories(simulated, case: Case, bits: int) -> None:
    expected = case.tensors(f"out{bits}/")
    assert set(expected) <= {f"layer_{i}" for i in simulated.histories}
    for name, history in expected.items():
        found = simulated.histories[int(name.removeprefix("layer_"))].detach()
        torch.testing.assert_close(found, history.to(found), atol=case.tolerance(bits), rtol=0)


#: every case, in each precision in which the original has a history of it
HISTORIES = [(n, b) for n in NAMES for b in PRECISIONS if Case.read(n).tensors(f"out{b}/")]


@pytest.mark.parametrize(("name", "bits"), HISTORIES)
def test_whole_history_is_that_of_the_original(name: str, bits: int) -> None:
    case = Case.read(name)
    assert_histories(case.network(PRECISIONS[bits]).simulate(case.input, case.initial), case, bits)


@pytest.mark.parametrize("name", [n for n, bits in HISTORIES if bits == 64])
def test_the_quirks_of_the_original_change_no_reference_case(name: str) -> None:
    case = Case.read(name)
    theirs = case.circuit.model_copy(update={"compat": EVERYTHING})
    network = replace(case, circuit=theirs).network()
    assert_histories(network.simulate(case.input, case.initial), case, 64)


@pytest.mark.parametrize("name", [n for n in NAMES if Case.read(n).tensors("grad64/")])
def test_gradients_are_those_of_the_original(name: str) -> None:
    case = Case.read(name)
    expected = Case.read(REFERENCE.get(name, name)).tensors("grad64/")
    network = case.network()
    (network(case.input, case.initial) * torch.from_numpy(case.arrays["loss_w"])).sum().backward()
    parameters = dict(network.named_parameters(remove_duplicate=False))
    # the two reference circuits of REFERENCE differ in the single precision of their jittered parameters
    for key, gradient in expected.items():
        found = parameters[key].grad
        found = torch.zeros_like(gradient) if found is None else found
        torch.testing.assert_close(found, gradient, atol=1e-10 * float(gradient.abs().max()) + 1e-30, rtol=0)


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", ["sd_tracking_power", "sd_tracking_power_gs", "sd_ps_tanh"])
def test_recorded_flux_g_states_and_power_are_those_of_the_original(name: str, bits: int) -> None:
    case = Case.read(name)
    simulated = case.network(PRECISIONS[bits]).simulate(case.input, case.initial)
    recorded = {"phi": simulated.phi, "g": simulated.g, "s": simulated.s}
    for key, array in case.arrays.items():
        what, _, layer = key.partition("/layer_")
        if not what.endswith(str(bits)) or what.startswith("out") or not array.any():
            continue
        what = what.removesuffix(str(bits))
        found = (
            recorded[what] if what in recorded else {i: of_power(p, what) for i, p in simulated.power.items()}
        )
        # energies are sums over all steps of values far above 1, so they are compared relatively
        scale = max(1.0, float(np.abs(array).max()))
        np.testing.assert_allclose(
            found[int(layer)].detach(), array, atol=case.tolerance(bits) * scale, rtol=0
        )


def of_power(power: Power, what: str) -> torch.Tensor:
    dimensionless = what.endswith("_dimensionless")
    quantity, kind = what.removesuffix("_dimensionless").split("_")
    place = ["bias", "diss"].index(kind)
    if dimensionless:
        of = {"power": (power.bias, power.dissipated), "energy": (power.bias_energy, power.dissipated_energy)}
        return of[quantity][place]
    return (power.watts if quantity == "power" else power.joules)[place]


@pytest.mark.parametrize("suffix", [".soen", ".json"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_and_loaded_circuit_is_the_same(name: str, suffix: str, tmp_path: Path) -> None:
    case = Case.read(name)
    network = case.network(torch.float32)
    soen.save(network, tmp_path / f"model{suffix}")
    again = soen.build(tmp_path / f"model{suffix}", table=table_of(case.circuit), seed=9)
    assert again.circuit == network.circuit
    torch.testing.assert_close(
        again(case.input, case.initial), network(case.input, case.initial), atol=0, rtol=0
    )
    state, expected = again.state_dict(), network.state_dict()
    assert list(state) == list(expected)
    for key, tensor in expected.items():
        torch.testing.assert_close(state[key], tensor, atol=0, rtol=0, msg=key)


@pytest.mark.parametrize(
    "file",
    ["sd_tracking_power.soen", "sd_tracking_power.export.json", "feedback_stepwise_gauss_seidel.export.json"],
)
def test_model_files_of_the_original_run_as_they_are(file: str) -> None:
    # exported ones carry no rate table, so that beside them is taken
    case = Case.read(file.partition(".")[0])
    assert_histories(soen.build(GOLDEN / file).simulate(case.input, case.initial), case, 32)


def test_a_written_model_file_has_what_the_original_looks_for(tmp_path: Path) -> None:
    theirs = GOLDEN / "sd_tracking_power.soen"
    soen.save(soen.build(theirs), tmp_path / "ours.soen")
    expected = torch.load(theirs, weights_only=True)
    found = torch.load(tmp_path / "ours.soen", weights_only=True)
    assert set(found) == {*expected, "leyden"}
    assert found["sim_config"] == expected["sim_config"]
    assert list(found["connection_masks"]) == list(expected["connection_masks"])
    assert set(found["state_dict"]) == set(expected["state_dict"])
    for key, tensor in expected["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][key], tensor, atol=0, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_of_a_file_draws_the_weights_that_the_original_draws(name: str) -> None:
    case = Case.read(name)
    drawn = soen.build(case.circuit, table=table_of(case.circuit)).state_dict()
    for key, weight in case.tensors("param/connections.").items():
        torch.testing.assert_close(drawn[f"connections.{key}"], weight, atol=1e-7, rtol=0)
