"""Physical constants, and the maps between laboratory units and the simulator's dimensionless ones.

Josephson junction theory: currents in units of the critical current, flux in flux quanta, time in 1/omega_c.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from .frozen import one_of
from .problems import CircuitError

PLANCK = 6.62607015e-34  # J s
ELEMENTARY_CHARGE = 1.602176634e-19  # C
PHI0 = PLANCK / (2 * ELEMENTARY_CHARGE)  # Wb, one flux quantum

#: environment variable with omega_c in rad/s, as the original has it
VARIABLE = "SOEN_OMEGA_C"


@dataclass(frozen=True, kw_only=True)
class Junction:
    """One shunted Josephson junction; the other quantities of a circuit follow from it.

    Args:
        critical_current: I_c in A.
        resistance: Shunt resistance r_jj in Ohm.
        capacitance_density: Capacitance over critical current gamma_c in F/A.
        frequency: omega_c in rad/s where it does not follow from the others: another unit of time, no other
            junction.
    """

    critical_current: float = 100e-6
    resistance: float = 1.2191160341258176
    capacitance_density: float = 1.5e-9
    frequency: float | None = None

    @classmethod
    def from_damping(
        cls, *, beta_c: float, critical_current: float = 100e-6, capacitance_density: float = 1.5e-9
    ) -> Junction:
        """The junction whose Stewart-McCumber parameter is ``beta_c``."""
        capacitance = capacitance_density * critical_current
        resistance = math.sqrt(beta_c * PHI0 / (2 * math.pi * capacitance * critical_current))
        return cls(
            critical_current=critical_current, resistance=resistance, capacitance_density=capacitance_density
        )

    @property
    def capacitance(self) -> float:
        """c_j in F."""
        return self.capacitance_density * self.critical_current

    @property
    def beta_c(self) -> float:
        """Stewart-McCumber damping, dimensionless."""
        return 2 * math.pi * self.critical_current * self.resistance**2 * self.capacitance / PHI0

    @property
    def omega_c(self) -> float:
        """Characteristic angular frequency in rad/s; one dimensionless time unit lasts 1/omega_c."""
        if self.frequency is not None:
            return self.frequency
        return 2 * math.pi * self.critical_current * self.resistance / PHI0

    @property
    def omega_p(self) -> float:
        """Plasma frequency in rad/s."""
        return math.sqrt(2 * math.pi * self.critical_current / (PHI0 * self.capacitance))

    @property
    def tau_0(self) -> float:
        """1/omega_c in s."""
        return 1 / self.omega_c

    @property
    def voltage(self) -> float:
        """I_c r_jj in V."""
        return self.critical_current * self.resistance

    @property
    def power_unit(self) -> float:
        """W per dimensionless power."""
        return PHI0 * self.critical_current * self.omega_c / (2 * math.pi)

    @property
    def energy_unit(self) -> float:
        """J per dimensionless energy."""
        return PHI0 * self.critical_current / (2 * math.pi)


DEFAULT = Junction()


def standard() -> Junction:
    """The junction where none is given: the default one, with omega_c from ``SOEN_OMEGA_C`` where it is set.

    Raises:
        CircuitError: The variable is no positive number.
    """
    told = os.environ.get(VARIABLE)
    if told is None:
        return DEFAULT
    try:
        frequency = float(told)
    except ValueError:
        frequency = math.nan
    if not 0 < frequency < math.inf:
        raise CircuitError(
            [f"{VARIABLE} must be omega_c in rad/s, e.g. {DEFAULT.omega_c:.4g}, but got {told!r}; unset it"],
            "the environment",
        )
    return Junction(frequency=frequency)


#: what a quantity may also be called
ALIASES = {
    "gamma": "gamma_plus",
    "gamma+": "gamma_plus",
    "gp": "gamma_plus",
    "beta": "beta_L",
    "betaL": "beta_L",
    "beta_l": "beta_L",
    "gm": "gamma_minus",
    "gamma-": "gamma_minus",
    "t'": "t_prime",
}

#: unit of each physical quantity; what is not listed has none
UNITS = {"L": "H", "tau_physical": "s", "r_leak": "Ohm", "I": "A", "Phi": "Wb", "t": "s", "G_fq": "1/s"}


def convert(value: float, source: str, target: str, junction: Junction | None = None) -> float:
    """One quantity as another that it determines alone, e.g. ``convert(1e-9, "L", "gamma_plus")``.

    Quantities: gamma_plus, beta_L, L (H); gamma_minus, tau, tau_physical (s); alpha, r_leak (Ohm); i, I (A);
    phi, Phi (Wb); t_prime, t (s); g_fq, G_fq (1/s). Of ``standard()`` where no junction is given.

    Raises:
        ValueError: A name is unknown, or one quantity does not determine the other.
    """
    junction = junction or standard()
    for family in _families(junction):
        names = dict.fromkeys(family)
        if ALIASES.get(source, source) in names:
            to_base, _ = family[ALIASES.get(source, source)]
            _, from_base = one_of(ALIASES.get(target, target), family, f"a quantity that {source} determines")
            return from_base(to_base(value))
    known = {name: None for family in _families(junction) for name in family}
    one_of(source, known, "the quantity to convert")
    raise AssertionError(source)


def convert_many(given: dict[str, float], junction: Junction | None = None) -> dict[str, float]:
    """Every quantity that the given ones determine together, the given ones included.

    alpha = gamma_minus beta_L joins the two families of a dendrite; the rest goes by `convert`.
    """
    junction, known = junction or standard(), dict[str, float]()
    for name, value in given.items():
        name = ALIASES.get(name, name)
        family = next((f for f in _families(junction) if name in f), None)
        if family is None:
            one_of(name, {n: None for f in _families(junction) for n in f}, "a quantity")
            raise AssertionError(name)
        known |= {other: convert(value, name, other, junction) for other in family}
    if "beta_L" in known and "gamma_minus" in known and "alpha" not in known:
        known["alpha"] = known["gamma_minus"] * known["beta_L"]
        known["r_leak"] = convert(known["alpha"], "alpha", "r_leak", junction)
    elif "beta_L" in known and "alpha" in known and "gamma_minus" not in known:
        rate = known["alpha"] / known["beta_L"]
        known |= {name: convert(rate, "gamma_minus", name, junction) for name in _families(junction)[1]}
    elif "alpha" in known and "gamma_minus" in known and "beta_L" not in known:
        beta = known["alpha"] / known["gamma_minus"]
        known |= {name: convert(beta, "beta_L", name, junction) for name in _families(junction)[0]}
    return known


Map = Callable[[float], float]


def _families(junction: Junction) -> list[dict[str, tuple[Map, Map]]]:
    """Quantities that determine one another: name -> (to the first of the family, from it)."""
    ic, omega = junction.critical_current, junction.omega_c
    henry = 2 * math.pi * ic / PHI0

    def scaled(factor: float) -> tuple[Map, Map]:
        return (lambda x: x * factor), (lambda x: x / factor)

    def inverse(factor: float) -> tuple[Map, Map]:
        return (lambda x: 1 / (x * factor)), (lambda x: 1 / (x * factor))

    return [
        {"gamma_plus": scaled(1), "beta_L": inverse(1), "L": inverse(henry)},
        {"gamma_minus": scaled(1), "tau": inverse(1), "tau_physical": inverse(omega)},
        {"alpha": scaled(1), "r_leak": scaled(1 / junction.resistance)},
        {"i": scaled(1), "I": scaled(1 / ic)},
        {"phi": scaled(1), "Phi": scaled(1 / PHI0)},
        {"t_prime": scaled(1), "t": scaled(omega)},
        {"g_fq": scaled(1), "G_fq": scaled(2 * math.pi / omega)},
    ]
