"""Seconds of a forward, and of one with backward, through superconducting circuits; memory against time.

.venv/bin/python benchmarks/soen.py            all; ROUNDS=n for n turns, CASES=a,d for some of them

Rivals take turns in one process on two threads, and the least of all rounds counts: another program on the
machine then hits all of them. A turn takes a tenth of a second, or one call where that is longer. *In place*
does what the original does, *stacked* is a clean loop on torch, JAX is a jitted `lax.scan` with its gradient,
where it is installed. *Leyden* is `soen.build(...)`, by its compiled kernel and by torch operations alone.
Gradients are for all parameters; they are compared before anything is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from _soen_kinds import kinds
from _soen_rivals import Source, heaviside, in_place, layers, stacked, tabled
from interleave import Goal, finish, in_turns, seconds, table
from leyden import soen
from leyden.soen.kernel.ways import Way, at_most
from leyden.soen.torch.network import Network

DT = 37.0
SOURCES = ("RateArray", "Heaviside_state_dep", "Tanh")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
TURN = 0.1  # seconds


@dataclass(frozen=True, kw_only=True)
class Case:
    """One circuit and its batch.

    Args:
        what: For people.
        widths: Nodes of each layer, the first is the input.
        loops: Whether dendrites have recurrent weights.
        batch: Samples.
        steps: Time steps.
        pooled: Whether the loss is a cross entropy of the largest state over time; else the mean square.
        goals: How many times faster than in place and than JAX the kernel, and torch alone, are to be.
    """

    what: str
    widths: tuple[int, ...]
    loops: bool
    batch: int
    steps: int
    pooled: bool = False
    goals: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def network(self, source: str) -> Network:
        """The circuit in Leyden."""
        kinds: list[dict[str, Any]] = [{"layer_type": "Linear", "params": {"dim": self.widths[0]}}]
        for width in self.widths[1:]:
            params = {"dim": width, "source_func": source, "gamma_plus": 1e-3, "gamma_minus": 1e-3}
            kinds.append({"layer_type": "SingleDendrite", "params": params})
        reach = 0.3 / self.widths[1] ** 0.5
        connections = [_connection(n, n + 1, 0.2) for n in range(len(kinds) - 1)]
        connections += [_connection(n, n, reach) for n in range(1, len(kinds)) if self.loops]
        tree = {
            "layers": [kind | {"layer_id": n} for n, kind in enumerate(kinds)],
            "connections": connections,
            "simulation": {"dt": DT},
        }
        return soen.build(tree, seed=0)

    def loss(self, history: Tensor) -> Tensor:
        """A number to differentiate."""
        if not self.pooled:
            return history[:, 1:].square().mean()
        labels = torch.arange(self.batch) % self.widths[-1]
        return torch.nn.functional.cross_entropy(10 * history[:, 1:].amax(1), labels)


def _connection(source: int, target: int, reach: float) -> dict[str, Any]:
    init = {"name": "uniform", "params": {"min": -reach, "max": reach}}
    return {"from_layer": source, "to_layer": target, "params": {"init": init}}


CASES = {
    "a": Case(what="64 recurrent", widths=(16, 64), loops=True, batch=64, steps=256, goals=(25, 3, 4)),
    "b": Case(what="256 recurrent", widths=(16, 256), loops=True, batch=16, steps=1024, goals=(40, 2.8, 8)),
    "c": Case(what="2 x 128", widths=(16, 128, 128), loops=False, batch=64, steps=256, goals=(15, 2.5, 2.5)),
    "d": Case(
        what="8-32-4", widths=(8, 32, 4), loops=False, batch=32, steps=64, pooled=True, goals=(25, 1.3, 4)
    ),
}


class Rivals:
    """Everybody who runs one case with one source function."""

    def __init__(self, case: Case, source: str) -> None:
        self.case, self.source = case, source
        self.x = 0.5 * torch.rand(
            case.batch, case.steps, case.widths[0], generator=torch.Generator().manual_seed(1)
        )
        self.network = case.network(source)
        self.net = layers(self.network)

    def function(self, *, images: bool) -> Source:
        """The source function of the loops."""
        if self.source == "RateArray":
            low, high = self.network.rate_range.tolist()
            return tabled(self.network.rate_table, low, high, images=images)
        return heaviside if self.source == "Heaviside_state_dep" else lambda phi, current: torch.tanh(phi)

    def loop(
        self, run: Callable[..., Tensor], backward: bool, *, images: bool = False
    ) -> Callable[[], object]:
        """One of the loops on torch."""
        leaves = [leaf for layer in self.net for leaf in layer.leaves]
        forward = partial(run, self.x, self.net, self.function(images=images), DT)
        return lambda: _differentiated(forward, self.case, leaves, backward)

    def ours(self, way: Way, backward: bool) -> Callable[[], object]:
        """Leyden by one of its ways."""
        leaves: list[Tensor] = [*self.network.parameters()]

        def work() -> object:
            with at_most(way):
                return _differentiated(lambda: self.network(self.x), self.case, leaves, backward)

        return work

    def all(self, backward: bool) -> dict[str, Callable[[], object]]:
        """By name."""
        found = {
            "in place": self.loop(in_place, backward, images=True),
            "stacked": self.loop(stacked, backward),
            "Leyden": self.ours("compiled", backward),
            "Leyden, torch only": self.ours("fused", backward),
        }
        if find_spec("jax"):
            from _soen_jax import jitted

            held = (
                (self.network.rate_table, *self.network.rate_range.tolist())
                if self.network.uses_table
                else None
            )
            found["JAX"] = jitted(self.net, self.source, held, self.x, DT, self.case.pooled, backward)
        return found

    def agree(self) -> None:
        """Compare histories and gradients of all loops on torch.

        Raises:
            AssertionError: They differ.
        """
        self.loop(stacked, True)()
        expected = stacked(self.x, self.net, self.function(images=False), DT)
        gradient = self.net[0].into.grad
        assert gradient is not None
        for way in ("compiled", "fused"):
            self.ours(way, True)()
            found = self.network.connections["J_0_to_1"].grad
            assert found is not None
            torch.testing.assert_close(self.network(self.x), expected, atol=1e-5, rtol=0)
            # single precision decides a few borders of the table by chance, so norms are compared
            assert (found - gradient).norm() <= 2e-2 * gradient.norm(), (way, self.source)


def _differentiated(
    forward: Callable[[], Tensor], case: Case, leaves: list[Tensor], backward: bool
) -> object:
    if not backward:
        with torch.no_grad():
            return forward()
    for leaf in leaves:
        leaf.grad = None
    case.loss(forward()).backward()
    return None


def measured(letter: str) -> tuple[list[list[object]], list[Goal]]:
    """Rows of the table and goals of one case."""
    case, rows, goals = CASES[letter], list[list[object]](), list[Goal]()
    for source in SOURCES:
        rivals = Rivals(case, source)
        rivals.agree()
        for backward in (False, True):
            rounds = ROUNDS if letter != "b" else max(2, ROUNDS - 2)
            took = in_turns(rivals.all(backward), rounds=rounds, at_least=TURN)
            what = "forward + backward" if backward else "forward"
            rows.append(
                [
                    f"{letter} {case.what}",
                    source,
                    what,
                    *(f"{took[n] * 1e3:.2f}" if n in took else "-" for n in NAMES),
                ]
            )
            print(table(HEADINGS, rows[-1:]), flush=True)
            if backward and source == "RateArray":
                goals = of_case(letter, case, took)
    return rows, goals


NAMES = ("in place", "stacked", "JAX", "Leyden", "Leyden, torch only")
HEADINGS = ("milliseconds", "source", "pass", *NAMES)


def of_case(letter: str, case: Case, took: dict[str, float]) -> list[Goal]:
    """What was promised for one case."""
    against, over_jax, alone = case.goals
    goals = [
        Goal(
            what=f"{letter}: times faster than in place",
            value=took["in place"] / took["Leyden"],
            at_least=against,
        ),
        Goal(
            what=f"{letter}: torch only, times faster than in place",
            value=took["in place"] / took["Leyden, torch only"],
            at_least=alone,
        ),
    ]
    if "JAX" in took:
        value = took["JAX"] / took["Leyden"]
        goals.append(Goal(what=f"{letter}: times faster than JAX", value=value, at_least=over_jax))
    return goals


# ------------------------------------------------------------------ memory and time against steps

LONG = (512, 1024, 2048, 4096, 8192)
LONG_RIVALS = ("Leyden", "stacked", "in place")
QUADRATIC = 1024  # the loop in place is not run for longer


def against_time() -> list[Goal]:
    """Print seconds and peak memory of a forward with backward for longer and longer inputs."""
    command = [sys.executable, __file__, "--long"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {(rival, steps): (took, peak) for rival, steps, took, peak in map(json.loads, lines)}
    rows = [
        [str(steps), *(f"{n:.3g}" for rival in LONG_RIVALS for n in found.get((rival, steps), ()))]
        for steps in LONG
    ]
    headings = ["steps", *(f"{rival}, {unit}" for rival in LONG_RIVALS for unit in ("s", "MB"))]
    print("\n64 recurrent, batch 16, forward + backward of a gradient that is given, a process each;")
    print("memory above input and gradient")
    print(table(headings, [row + ["-"] * (len(headings) - len(row)) for row in rows]))
    (s1, m1), (s8, m8) = found["Leyden", LONG[1]], found["Leyden", LONG[-1]]
    growth = LONG[-1] / LONG[1]
    return [
        Goal(
            what="seconds from 1,024 to 8,192 steps over linear growth", value=s8 / s1 / growth, at_most=1.3
        ),
        Goal(what="memory from 1,024 to 8,192 steps over linear growth", value=m8 / m1 / growth, at_most=1.1),
    ]


def long() -> None:
    """Print a line for each rival and length: name, steps, least seconds, peak megabytes."""
    for steps in LONG:
        for rival in LONG_RIVALS:
            if rival == "in place" and steps > QUADRATIC:
                continue
            child = os.fork()  # torch is imported once, and has no threads yet
            if not child:
                print(json.dumps([rival, steps, *one(rival, steps)]), flush=True)
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                raise SystemExit(f"{rival} failed at {steps} steps")


def one(rival: str, steps: int) -> tuple[float, float]:
    """Least seconds and peak megabytes of one rival, from a gradient of the history that is given.

    No loss: its own arrays are as long as time, and from 32 MB on the C library returns each to the system,
    which hands it back page by page.
    """
    torch.set_num_threads(2)
    case = replace(CASES["a"], batch=16, steps=steps)
    work = _from_gradient(rival, case)
    _from_gradient(rival, replace(case, steps=8))()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _status("VmRSS")
    work()
    peak = _status("VmHWM") - before
    return min(seconds(work) for _ in range({"Leyden": 7, "stacked": 2, "in place": 1}[rival])), peak


def _from_gradient(rival: str, case: Case) -> Callable[[], object]:
    rivals = Rivals(case, "RateArray")
    leaves: list[Tensor] = [leaf for layer in rivals.net for leaf in layer.leaves]
    leaves += rivals.network.parameters()
    given = torch.ones(case.batch, case.steps + 1, case.widths[-1])
    loops = {"stacked": (stacked, False), "in place": (in_place, True)}

    def work() -> None:
        for leaf in leaves:
            leaf.grad = None
        if rival == "Leyden":
            history = rivals.network(rivals.x)
        else:
            run, images = loops[rival]
            history = run(rivals.x, rivals.net, rivals.function(images=images), DT)
        history.backward(given)

    return work


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(2)
    chosen = os.environ.get("CASES", ",".join(CASES)).split(",")
    rows, goals = list[list[object]](), list[Goal]()
    for letter in chosen:
        found, promised = measured(letter)
        rows += found
        goals += promised
    print()
    print(table(HEADINGS, rows))
    if "CASES" not in os.environ:
        goals += against_time()
        kinds(min(3, ROUNDS))
    finish("soen", goals)


if __name__ == "__main__":
    if sys.argv[1:] == ["--long"]:
        long()
    else:
        main()
