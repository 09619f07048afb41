"""When a stepwise simulation may stop."""

from __future__ import annotations

import torch

from leyden.soen.simulation import Simulation
from leyden.soen.torch.early_stop import Rest
from tests.soen.circuits import network


def steps_until_rest(changes: list[float], **settings) -> int:
    rest = Rest(
        Simulation(network_evaluation_method="stepwise_jacobi", early_stopping_forward_pass=True, **settings)
    )
    for step, change in enumerate(changes, 1):
        if rest.reached([torch.zeros(1)], [torch.tensor([change])]):
            return step
    return 0


def test_without_a_window_several_quiet_steps_in_a_row_end_it() -> None:
    changes = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert steps_until_rest(changes, steady_window_min=0, early_stopping_patience=2) == 5
    assert steps_until_rest(changes, steady_window_min=0) == 2
    assert steps_until_rest(changes, steady_window_min=0, early_stopping_min_steps=4) == 4


def test_until_a_window_is_full_the_same_rule_holds() -> None:
    assert steps_until_rest([1.0, 0.0, 0.0], steady_window_min=50) == 2


def test_a_full_window_compares_with_the_largest_state() -> None:
    changes = [1.0, 0.1, 0.0005, 0.0005, 0.0005]
    assert steps_until_rest(changes, steady_window_min=3, steady_tol_abs=0.0, steady_tol_rel=1.0) == 3
    assert steps_until_rest(changes, steady_window_min=3, steady_tol_abs=0.001, steady_tol_rel=0.0) == 5
    assert steps_until_rest(changes, steady_window_min=3, steady_tol_abs=0.0, steady_tol_rel=0.0) == 0


def test_histories_end_where_the_simulation_ended() -> None:
    still = {"steady_window_min": 0, "early_stopping_forward_pass": True}
    net = network("Linear", network_evaluation_method="stepwise_gauss_seidel", **still)
    histories = net.simulate(torch.ones(1, 50, 3)).histories
    assert [h.shape[1] for h in histories.values()] == [
        3,
        3,
    ]  # the initial state, one step that moved, one that did not
