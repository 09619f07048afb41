"""The two-junction interferometer behind every dendrite: its mean voltage, by integration in time.

Two resistively and capacitively shunted junctions share an inductance,

    beta_c d_k'' + d_k' + sin d_k = i_k,  k = 1, 2
    i_1 + i_2 = I,  i_1 - i_2 = (2 pi phi - (d_1 - d_2)) / beta

and g is the time average of d_1' once the start is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .problems import CircuitError
from .rate_table import RateTable

Array = np.ndarray[Any, Any]

#: points that are integrated together; their states and slopes fit the second level cache
BLOCK = 2048
#: fewer turns than these are counted over a longer time
FEW = 4
#: a phase that moved less than this is at rest
STILL = 1e-4


@dataclass(frozen=True, kw_only=True)
class Interferometer:
    """Circuit and accuracy of a rate table; times are dimensionless, like a circuit's ``dt``.

    Args:
        beta_c: Stewart-McCumber parameter of both junctions.
        beta: Inductance parameter.
        step: Time step of the integration, a Runge-Kutta scheme of fourth order.
        settle: Time until the start counts as forgotten.
        measure: Time over which turns are counted after that; ten times as long where a turn takes long.
    """

    beta_c: float = 0.3
    beta: float = float(np.pi / 2)
    step: float = 0.1
    settle: float = 300.0
    measure: float = 1200.0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be finite and above 0, but got {value}"
            for name, value in asdict(self).items()
            if not 0 < value < np.inf
        ]
        if not wrong:
            # beyond this the scheme is unstable, or too rough to be of use
            longest = min(0.2, 0.6 / _fastest(self.beta_c, self.beta))
            if self.step > longest:
                wrong.append(f"step must be at most {longest:.3g} for these, but got {self.step:g}")
            if self.settle < 20 * self.beta_c:
                wrong.append(
                    f"settle must be at least 20 beta_c = {20 * self.beta_c:g}, in which the start decays, "
                    f"but got {self.settle:g}"
                )
        if wrong:
            raise CircuitError(wrong, "the interferometer")

    @classmethod
    def suited(cls, beta_c: float = 0.3, beta: float = float(np.pi / 2)) -> Interferometer:
        """A circuit with a step short enough and times long enough for it; by default those of the class."""
        known = cls()
        if not (0 < beta_c < np.inf and 0 < beta < np.inf):
            return cls(beta_c=beta_c, beta=beta)  # says what is wrong
        step = min(known.step, 0.4 / _fastest(beta_c, beta))
        return cls(beta_c=beta_c, beta=beta, step=step, settle=max(known.settle, 20 * beta_c))

    def rates(
        self, currents: Array, fluxes: Array, told: Callable[[float], None] = lambda share: None
    ) -> Array:
        """g at pairs of bias current (critical currents) and flux (flux quanta); shapes broadcast.

        Args:
            currents: I.
            fluxes: phi.
            told: Is called with the share of the work that is done, now and then.

        Raises:
            CircuitError: A current is negative, or so large that a step would not follow a turn.
        """
        currents, fluxes = np.broadcast_arrays(
            np.asarray(currents, dtype=np.float64), np.asarray(fluxes, dtype=np.float64)
        )
        most = 2.0 / self.step  # a phase that carries half of it moves 1 rad in a step
        if not ((currents >= 0) & (currents <= most)).all() or not np.isfinite(fluxes).all():
            ends = f"{currents.min():g} to {currents.max():g}"
            raise CircuitError(
                [f"currents must lie between 0 and 2 / step = {most:g} and fluxes be finite, but got {ends}"],
                "the interferometer",
            )
        flat = currents.ravel(), fluxes.ravel()
        found, slow = np.empty(currents.size), np.zeros(currents.size, dtype=bool)
        for start in range(0, currents.size, BLOCK):
            part = slice(start, start + BLOCK)
            found[part], slow[part] = self._measured(flat[0][part], flat[1][part], self.measure)
            told((start + BLOCK) / (currents.size + 2 * BLOCK))
        if slow.any():
            found[slow], _ = self._measured(flat[0][slow], flat[1][slow], 10 * self.measure)
        told(1.0)
        return found.reshape(currents.shape)

    def table(
        self, currents: Array, columns: int = 201, told: Callable[[float], None] = lambda share: None
    ) -> RateTable:
        """The rate table of this circuit.

        Args:
            currents: Rows, bias currents in ascending equal steps.
            columns: Fluxes from 0 to 0.5, so many.
            told: As for ``rates``.
        """
        fluxes = np.linspace(0.0, 0.5, columns)
        rates = self.rates(currents[:, None], fluxes[None, :], told)
        return RateTable(
            currents=currents,
            rates=rates.astype(np.float32).astype(np.float64),
            origin="computed by `leyden soen rate-table`: two-junction interferometer, Runge-Kutta 4, "
            "turns counted over their time",
            parameters=asdict(self),
        )

    def _measured(self, current: Array, flux: Array, time: float) -> tuple[Array, Array]:
        """g, and where it moved but made too few turns within ``time`` to be sure."""
        state = np.zeros((4, current.size))  # d_1, d_2, d_1', d_2'
        motion = _Motion(self, current, flux)
        for _ in range(round(self.settle / self.step)):
            motion.advance(state)
        start = state[0].copy()
        counter = _Turns(state[0], self.step)
        for n in range(round(time / self.step)):
            before = state[0].copy()
            motion.advance(state)
            counter.look(n, before, state[0])
        slow = (counter.turns < FEW) & (np.abs(state[0] - start) > STILL)
        return counter.rates(), slow


def _fastest(beta_c: float, beta: float) -> float:
    """The fastest rate of a small motion: the decay, or the oscillation against the inductance."""
    return float(max(1 / beta_c, np.sqrt((1 + 1 / beta) / beta_c)))


class _Turns:
    """Counts whole turns of a phase and times them.

    An average over whole turns has no remainder of a period in it.

    Args:
        phase: At the start, shape (points,).
        step: Time between two looks.
    """

    def __init__(self, phase: Array, step: float) -> None:
        self.step = step
        self.passed = np.floor(phase / (2 * np.pi))
        self.turns, self.first, self.last = (np.zeros_like(phase) for _ in range(3))

    def look(self, n: int, before: Array, after: Array) -> None:
        """See the phases around step ``n``; the moment of a turn lies between them, by a straight line."""
        at = np.floor(after / (2 * np.pi))
        (new,) = np.nonzero(at > self.passed)
        if not new.size:
            return
        share = (2 * np.pi * at[new] - before[new]) / (after[new] - before[new])
        moment = (n + share) * self.step
        self.first[new] = np.where(self.turns[new] == 0, moment, self.first[new])
        self.last[new] = moment
        self.turns[new] += 1
        self.passed[new] = at[new]

    def rates(self) -> Array:
        """Mean angular speed between the first and the last turn, 0 without two of them."""
        turning = self.turns > 1
        time = np.where(turning, self.last - self.first, 1.0)
        return np.where(turning, 2 * np.pi * (self.turns - 1) / time, 0.0)


class _Motion:
    """One step of the equations for many currents and fluxes at once; every array is written in place.

    Args:
        circuit: The parameters.
        current: I, shape (points,).
        flux: phi, likewise.
    """

    def __init__(self, circuit: Interferometer, current: Array, flux: Array) -> None:
        self.step, self.mass, self.coupling = circuit.step, circuit.beta_c, 0.5 / circuit.beta
        screening = 2 * np.pi * flux * self.coupling
        self.drive = np.stack([current / 2 + screening, current / 2 - screening])
        self.slopes = np.empty((4, 4, current.size))
        self.trial = np.empty((4, current.size))
        self.shared = np.empty(current.size)

    def advance(self, state: Array) -> None:
        """One Runge-Kutta step of fourth order, in place."""
        h, k = self.step, self.slopes
        self._slope(state, k[0])
        for stage, reach in ((1, h / 2), (2, h / 2), (3, h)):
            np.multiply(k[stage - 1], reach, out=self.trial)
            self.trial += state
            self._slope(self.trial, k[stage])
        k[1] += k[2]
        k[1] *= 2.0
        k[0] += k[1]
        k[0] += k[3]
        k[0] *= h / 6
        state += k[0]

    def _slope(self, state: Array, out: Array) -> None:
        d, v, force = state[:2], state[2:], out[2:]
        out[:2] = v
        np.subtract(d[0], d[1], out=self.shared)
        self.shared *= self.coupling
        np.sin(d, out=force)
        np.subtract(self.drive, force, out=force)
        force -= v
        force[0] -= self.shared
        force[1] += self.shared
        force /= self.mass
