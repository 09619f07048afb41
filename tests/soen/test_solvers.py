"""Parallel scan and Newton give what stepping gives, histories and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leyden import soen
from leyden.soen.torch.scan import scan
from tests.soen.circuits import network, some_input, tree
from tests.soen.golden_case import table_of


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
    circuit = soen.Circuit.read(described)
    return soen.build(circuit, table=table_of(circuit), seed=0).double()


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


def solved(solver: str, loop: dict) -> torch.nn.Module:
    params = {"source_func": "Heaviside_state_dep", "solver": solver, "gamma_plus": 0.01}
    return network(
        {"layer_type": "SingleDendrite", "params": params},
        connections=[{"from_layer": 1, "to_layer": 1} | loop],
    )


def test_newton_takes_every_diagonal_self_connection_and_refuses_others(tmp_path) -> None:
    np.save(tmp_path / "diagonal.npy", np.diag([0.3, -0.2, 0.1]))
    np.savez(tmp_path / "mask.npz", mask=np.diag([1, 0, 1]))
    loops = [
        {"params": {"init": {"name": "custom", "params": {"weights_file": str(tmp_path / "diagonal.npy")}}}},
        {
            "params": {
                "structure": {"type": "custom", "params": {"mask_file": str(tmp_path / "mask.npz")}},
                "init": {"name": "uniform"},
            }
        },
        {"connection_type": "one_to_one", "params": {"init": "constant"}},
    ]
    for loop in loops:
        torch.testing.assert_close(
            solved("PARARNN", loop)(some_input()), solved("FE", loop)(some_input()), atol=1e-13, rtol=0
        )
    for loop in ({"connection_type": "chain"}, {"params": {"init": {"name": "constant"}}}):
        with pytest.raises(soen.CircuitError, match="PARARNN needs a diagonal self connection; write solver"):
            solved("PARARNN", loop)


def test_newton_s_circuit_stays_right_when_training_moves_its_self_connection(tmp_path) -> None:
    np.save(tmp_path / "diagonal.npy", np.diag([0.3, -0.2, 0.1]))
    init = {"init": {"name": "custom", "params": {"weights_file": str(tmp_path / "diagonal.npy")}}}
    found = []
    for solver in ("FE", "PARARNN"):
        net = solved(solver, {"params": init, "noise": {}})
        with torch.no_grad():
            net.connections["J_1_to_1"][0, 1] = 0.5
        net(some_input()).square().sum().backward()
        found.append((net(some_input()), net.connections["J_1_to_1"].grad))
    torch.testing.assert_close(found[0], found[1], atol=1e-13, rtol=0)
    noisy = solved("PARARNN", {"connection_type": "one_to_one", "noise": {"j": 0.5}})
    assert not torch.equal(noisy(some_input()), noisy(some_input()))
