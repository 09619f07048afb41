"""The rate table that ships is what the interferometer's equations give."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from leyden.soen import CircuitError, RateTable
from leyden.soen.interferometer import Interferometer
from leyden.soen.rate_table import shipped

#: share of full scale
CLOSE = 0.003


def test_the_shipped_table_covers_its_range_and_says_where_it_is_from() -> None:
    table = shipped()
    assert table.rates.shape == (201, 201)
    assert np.array_equal(table.currents[[0, -1]], [0.95, 2.5])
    assert table.parameters["beta_c"] == 0.3
    assert table.parameters["beta"] == pytest.approx(np.pi / 2)
    assert "interferometer" in table.origin


def test_the_shipped_table_is_what_the_equations_give() -> None:
    table = shipped()
    random = np.random.default_rng(0)
    i, j = random.integers(0, 201, 200), random.integers(0, 201, 200)
    again = Interferometer(measure=400.0, settle=150.0).rates(table.currents[i], table.fluxes[j])
    # points next to the threshold turn too slowly to be measured in so short a time
    fast = (table.rates[i, j] == 0) | (table.rates[i, j] > 0.05)
    assert fast.sum() > 180
    np.testing.assert_allclose(again[fast], table.rates[i, j][fast], atol=CLOSE * table.rates.max())


def most_at_rest(flux: float, beta: float) -> float:
    """The largest current that a state at rest carries, in closed form.

    With d_1 - d_2 = 2 a and the phases' mean m the equations at rest are I = 2 sin(m) cos(a) and
    (pi phi - a) / beta = cos(m) sin(a).
    """
    a = np.linspace(0.0, np.pi / 2, 20_001)[1:]
    cosine = (np.pi * flux - a) / (beta * np.sin(a))
    carried = 2 * np.cos(a) * np.sqrt(np.maximum(0.0, 1 - cosine**2))
    # without flux both phases are one, a = 0, and nothing ties their mean
    return max(float(carried.max()), 2.0 if flux == 0 else 0.0)


def test_the_shipped_table_is_at_rest_exactly_where_a_state_at_rest_exists() -> None:
    table = shipped()
    thresholds = np.array([most_at_rest(flux, table.parameters["beta"]) for flux in table.fluxes])
    np.testing.assert_array_equal(table.rates == 0, table.currents[:, None] <= thresholds)


def test_far_above_the_threshold_the_junctions_are_resistors() -> None:
    # for I -> infinity each junction carries half the current, and its mean voltage nears that from below
    rates = Interferometer(measure=300.0, settle=100.0).rates(np.array([8.0, 16.0]), np.array([0.0, 0.25]))
    np.testing.assert_allclose(rates, [4.0, 8.0], rtol=0.02)
    assert (rates < [4.0, 8.0]).all()


def test_below_the_threshold_nothing_turns() -> None:
    assert Interferometer(measure=200.0).rates(np.array([0.95]), np.array([0.0])).tolist() == [0.0]


def test_a_heavily_damped_junction_without_flux_has_the_closed_form() -> None:
    # without screening flux both junctions are one: beta_c -> 0 gives g = sqrt((I/2)^2 - 1)
    damped = Interferometer(beta_c=0.01, step=0.005, settle=30.0, measure=120.0)
    currents = np.array([2.2, 2.5, 3.0])
    np.testing.assert_allclose(damped.rates(currents, 0.0), np.sqrt((currents / 2) ** 2 - 1), rtol=0.01)


def test_a_table_of_another_circuit_is_written_and_read(tmp_path: Path) -> None:
    circuit = Interferometer(beta_c=0.2, settle=20.0, measure=60.0)
    shares: list[float] = []
    table = circuit.table(np.linspace(2.0, 3.0, 3), 4, shares.append)
    table.write(tmp_path / "other.npz")
    again = RateTable.read(tmp_path / "other.npz")
    assert again.rates.shape == (3, 4)
    assert again.parameters == table.parameters
    assert again.parameters["beta_c"] == 0.2
    assert shares[-1] == 1.0


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(CircuitError, match="beta_c must be finite and above 0, but got 0"):
        Interferometer(beta_c=0.0)
    with pytest.raises(CircuitError, match="step must be at most"):
        Interferometer(step=0.5)


@pytest.mark.parametrize(("beta_c", "beta"), [(0.05, np.pi / 2), (0.3, 0.02), (30.0, np.pi / 2)])
def test_step_and_times_suit_other_circuits(beta_c: float, beta: float) -> None:
    circuit = Interferometer.suited(beta_c, beta)
    finer = replace(circuit, step=circuit.step / 2)
    currents, fluxes = np.array([2.2, 2.4]), np.array([0.0, 0.3])
    rough = replace(circuit, measure=100.0).rates(currents, fluxes)
    np.testing.assert_allclose(rough, replace(finer, measure=100.0).rates(currents, fluxes), rtol=1e-3)
    assert (rough > 0.3).all()


def test_the_shipped_table_s_circuit_is_the_one_without_settings() -> None:
    assert asdict(Interferometer.suited()) == shipped().parameters


def test_currents_that_turn_faster_than_the_step_are_refused() -> None:
    with pytest.raises(CircuitError, match="between 0 and 2 / step = 20"):
        Interferometer().rates(np.array([30.0]), 0.0)
