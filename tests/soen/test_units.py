"""Units and constants against the original's numbers."""

from __future__ import annotations

import json

import pytest
import torch

from leyden import soen
from leyden.soen.units import DEFAULT, PHI0, Junction, convert
from tests.soen.circuits import some_input, tree
from tests.soen.golden_case import GOLDEN

UNITS = json.loads((GOLDEN / "units.json").read_text())


def test_constants_and_derived_quantities_are_those_of_the_original() -> None:
    assert UNITS["constants"]["DEFAULT_PHI0"] == PHI0
    expected = {
        "I_c": DEFAULT.critical_current,
        "gamma_c": DEFAULT.capacitance_density,
        "beta_c": DEFAULT.beta_c,
        "c_j": DEFAULT.capacitance,
        "r_jj": DEFAULT.resistance,
        "omega_c": DEFAULT.omega_c,
        "omega_p": DEFAULT.omega_p,
        "tau_0": DEFAULT.tau_0,
        "V_j": DEFAULT.voltage,
    }
    assert UNITS["base"] == pytest.approx(expected, rel=1e-12)
    assert soen.Junction.from_damping(beta_c=DEFAULT.beta_c).resistance == pytest.approx(DEFAULT.resistance)


def test_conversions_are_those_of_the_original() -> None:
    assert soen.convert(1e-9, "L", "beta_L") == pytest.approx(UNITS["beta_1nH"])
    assert soen.convert(5e-10, "L", "beta") == pytest.approx(UNITS["beta_0p5nH"])
    assert soen.convert(5e-10, "L", "gamma_plus") == pytest.approx(UNITS["gamma_plus_fan1"])
    assert soen.convert(2.0, "r_leak", "alpha") == pytest.approx(UNITS["alpha_2ohm"])
    assert soen.convert(37.0, "t'", "t") * 1e9 == pytest.approx(UNITS["dt37_ns"])
    # the original divides by the critical current over 100, and gives 210 here
    assert soen.convert(210e-6, "I", "i") == pytest.approx(2.1)


def test_quantities_determine_one_another_together() -> None:
    known = soen.convert_many({"L": 1e-9, "gamma_minus": 0.0054})
    assert known["alpha"] == pytest.approx(0.0054 * UNITS["beta_1nH"])
    assert soen.convert_many({"L": 1e-9, "r_leak": known["r_leak"]})["gamma_minus"] == pytest.approx(0.0054)
    assert soen.convert_many({"gm": 0.0054, "alpha": known["alpha"]})["L"] == pytest.approx(1e-9)


def test_there_and_back_is_where_one_was() -> None:
    for a, b in [("tau_physical", "gamma_minus"), ("G_fq", "g_fq"), ("Phi", "phi"), ("L", "gamma_plus")]:
        assert soen.convert(soen.convert(0.37, a, b), b, a) == pytest.approx(0.37)


def test_unknown_quantities_and_impossible_conversions_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean `gamma_plus`"):
        soen.convert(1.0, "L", "gama_plus")
    with pytest.raises(ValueError, match="quantity"):
        soen.convert(1.0, "voltage", "L")
    with pytest.raises(ValueError, match="that L determines"):
        soen.convert(1.0, "L", "tau")


def test_the_environment_tells_another_unit_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    described = tree("SingleDendrite", track_power=True)
    with torch.no_grad():
        plain = soen.build(described)(some_input()), soen.build(described).simulate(some_input()).power[1]
        monkeypatch.setenv("SOEN_OMEGA_C", "1e11")
        network = soen.build(described)
        assert convert(1.0, "t_prime", "t") == 1e-11 and Junction().omega_c != 1e11
        monkeypatch.setenv("SOEN_OMEGA_C", "5e11")  # a network keeps what held when it was made
        history, power = network(some_input()), network.simulate(some_input()).power[1]
    assert torch.equal(history, plain[0]) and torch.equal(power.bias, plain[1].bias)
    ratio = torch.tensor(1e11 / Junction().omega_c, dtype=torch.float32)
    torch.testing.assert_close(power.watts[0], plain[1].watts[0] * ratio)
    torch.testing.assert_close(power.joules[0], plain[1].joules[0])


@pytest.mark.parametrize("told", ["fast", "-1", "0", "nan", "inf", ""])
def test_an_environment_that_tells_no_unit_of_time_is_refused(told: str, monkeypatch) -> None:
    monkeypatch.setenv("SOEN_OMEGA_C", told)
    with pytest.raises(soen.CircuitError, match="SOEN_OMEGA_C must be omega_c in rad/s"):
        soen.build(tree("SingleDendrite"))
