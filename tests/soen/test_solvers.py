"""Parallel scan and Newton give what stepping gives, histories and gradients."""

from __future__ import annotations

import pytest
import torch

from leyden import soen
from leyden.soen.torch.scan import scan
from tests.soen.circuits import network, some_input, tree
from tests.soen.golden_case import TABLE


def test_a_scan_has_the_gradients_of_its_recurrence() -> None:
    a, b = torch.randn(2, 3, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).unbind(0)
    start = torch.randn(3, 2, dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (a, b, start)]
    assert torch.autograd.gradcheck(scan, inputs)
    assert torch.autograd.gradgradcheck(scan, inputs)


@pytest.mark.parametrize("steps", [1, 2, 5, 64, 100])
def test_a_scan_is_exact_for_zeros_and_negative_states(steps: int) -> None:
    zeros = torch.zeros(1, steps, 1, dtype=torch.float64)
    assert not scan(zeros + 0.9, zeros, zeros[:, 0]).any()
    start = torch.tensor([[-1.0]], dtype=torch.float64)
    decayed = scan(zeros + 0.5, zeros, start)
    torch.testing.assert_close(decayed[0, :, 0], -(0.5 ** torch.arange(1.0, steps + 1, dtype=torch.float64)))


LOOP = [{"from_layer": 1, "to_layer": 1, "connection_type": "one_to_one", "params": {"init": "uniform"}}]


def solved_by(solver: str, source: str, loop: bool):
    params = {"source_func": source, "solver": solver, "gamma_plus": 0.01, "gamma_minus": 0.01}
    described = tree({"layer_type": "SingleDendrite", "params": params}, connections=LOOP if loop else None)
    return soen.build(described, table=TABLE, seed=0).double()


CASES = [
    ("PS", "Tanh", False),
    ("PS", "SimpleGELU", False),
    ("PARARNN", "Tanh", False),
    ("PARARNN", "Heaviside_state_dep", False),
    ("PARARNN", "RateArray", False),
    ("PARARNN", "RateArray", True),
    ("PARARNN", "Tanh", True),
]


@pytest.mark.parametrize(("solver", "source", "loop"), CASES)
def test_a_solver_gives_what_stepping_gives(solver: str, source: str, loop: bool) -> None:
    stepped, solved = solved_by("FE", source, loop), solved_by(solver, source, loop)
    x = (some_input(steps=40) * 3).requires_grad_()
    start = torch.tensor([0.1, -0.2, 0.0], dtype=torch.float64).requires_grad_()
    results = []
    for net in (stepped, solved):
        net.zero_grad()
        history = net(x, {1: start})
        wanted = [x, start, *net.parameters()]
        results.append((history, torch.autograd.grad(history.square().sum(), wanted, allow_unused=True)))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-12, rtol=0)
    for one, other, of in zip(results[0][1], results[1][1], wanted, strict=True):
        # a parameter that nothing depends on may have no gradient, or zeros
        one, other = (torch.zeros_like(of) if g is None else g for g in (one, other))
        torch.testing.assert_close(other, one, atol=1e-11, rtol=1e-9)


def test_scans_record_what_stepping_records() -> None:
    found = []
    for solver in ("FE", "PS", "PARARNN"):
        dendrite = {"layer_type": "SingleDendrite", "params": {"gamma_plus": 0.01, "solver": solver}}
        recording = network(dendrite, track_phi=True, track_g=True, track_power=True)
        found.append(recording.simulate(some_input()))
    for other in found[1:]:
        torch.testing.assert_close(other.phi[1], found[0].phi[1])
        torch.testing.assert_close(other.g[1], found[0].g[1])
        torch.testing.assert_close(other.power[1].dissipated, found[0].power[1].dissipated)
