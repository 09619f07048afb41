"""The compiled time loop and the one on torch, against the definition and against finite differences."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from leyden.soen.kernel.cells import CellsDrive, CellsPlan, compiled
from leyden.soen.kernel.fused import fused
from leyden.soen.torch.sources import CLOSED
from tests.soen.kernel.circuits import SOURCES, drive, plan, rates, stepped

NAMES = [f.name for f in fields(CellsDrive)]


def run(way: str, d: CellsDrive, p: CellsPlan) -> torch.Tensor:
    if way == "compiled":
        return compiled(d, p)
    segment = p.segments[0]
    return fused(d, SOURCES[segment.source], segment.arms)


def gradients(way: str, d: CellsDrive, p: CellsPlan) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    given = {
        n: t if t is None or not t.requires_grad else t.detach().requires_grad_()
        for n in NAMES
        for t in [getattr(d, n)]
    }
    leaves = {n: t for n, t in given.items() if t is not None and t.requires_grad}
    held = CellsDrive(**given)
    history = stepped(held, p) if way == "stepped" else run(way, held, p)
    upstream = torch.cos(torch.arange(history.numel(), dtype=history.dtype)).view_as(history)
    found = torch.autograd.grad(
        history, [*leaves.values()], upstream, materialize_grads=True, allow_unused=True
    )
    return history.detach(), dict(zip(leaves, found, strict=True))


@pytest.mark.parametrize("shape", [(3, 7, 5), (1, 1, 1), (2, 9, 33), (40, 3, 17), (5, 66, 16)])
@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_history_and_gradients_are_those_of_the_definition(way, name, arms, loop, shape) -> None:
    d, p = drive(*shape, loop=loop), plan(name, shape[2], arms)
    history, found = gradients(way, d, p)
    expected, exact = gradients("stepped", d, p)
    torch.testing.assert_close(history, expected, atol=1e-12, rtol=0)
    for key, gradient in exact.items():
        scale = 1.0 + float(gradient.abs().max())
        torch.testing.assert_close(found[key], gradient, atol=1e-10 * scale, rtol=0, msg=key)


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_gradients_are_those_of_finite_differences(way, name, arms, loop) -> None:
    d, p = drive(2, 4, 3, loop=loop, seed=2), plan(name, 3, arms)
    leaves = {n: getattr(d, n) for n in NAMES if getattr(d, n) is not None}

    def history(*tensors: torch.Tensor) -> torch.Tensor:
        return run(way, replace(d, **dict(zip(leaves, tensors, strict=True))), p)

    assert torch.autograd.gradcheck(history, [*leaves.values()], eps=1e-7, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["RateArray", "Heaviside_state_dep", "Tanh"])
@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_noise_is_added_to_g_and_to_the_state(way, name) -> None:
    d, p = drive(3, 8, 5, noise=True), plan(name, 5)
    history, found = gradients(way, d, p)
    expected, exact = gradients("stepped", d, p)
    torch.testing.assert_close(history, expected, atol=1e-12, rtol=0)
    for key, gradient in exact.items():
        torch.testing.assert_close(
            found[key], gradient, atol=1e-10 * (1 + float(gradient.abs().max())), rtol=0
        )


@pytest.mark.parametrize("name", SOURCES)
def test_segments_see_new_states_of_those_before_them(name) -> None:
    d, p = drive(3, 8, 19), plan(name, 19, cuts=(2, 18))
    history, found = gradients("compiled", d, p)
    expected, exact = gradients("stepped", d, p)
    torch.testing.assert_close(history, expected, atol=1e-12, rtol=0)
    for key, gradient in exact.items():
        torch.testing.assert_close(
            found[key], gradient, atol=1e-10 * (1 + float(gradient.abs().max())), rtol=0
        )


@pytest.mark.parametrize(
    "name", ["RateArray", "Heaviside_state_dep", "Tanh", "SimpleGELU", "TanhGauss1p7IBFit"]
)
def test_single_precision_is_double_precision_rounded(name) -> None:
    d = drive(6, 40, 21)
    single = CellsDrive(**{n: None if (t := getattr(d, n)) is None else t.detach().float() for n in NAMES})
    p = plan(name, 21)
    q = replace(p, rates=rates(torch.float32)) if p.rates is not None else p
    difference = (compiled(single, q) - compiled(d, p)).abs().max()
    assert difference < 1e-5


@pytest.mark.parametrize("name", ["Tanh", "Telu", "SimpleGELU", "ReLU"])
def test_slopes_of_single_precision_are_those_of_double_precision_at_any_flux(name) -> None:
    """A slope that cancels where a source function is flat would be multiplied by whatever is large there."""
    d, p = drive(1, 1, 241, loop=False), plan(name, 241)
    d = replace(d, phi=torch.linspace(-30, 30, 241, dtype=torch.float64).view(1, 1, -1))
    single = CellsDrive(**{n: None if (t := getattr(d, n)) is None else t.detach().float() for n in NAMES})
    slopes: list[Tensor] = []
    for given in (single, d):
        phi = given.phi.detach().requires_grad_()
        (by_phi,) = torch.autograd.grad(run("compiled", replace(given, phi=phi), p).sum(), phi)
        slopes.append((by_phi / (given.dt * given.plus)).detach().double())
    torch.testing.assert_close(*slopes, atol=5e-5, rtol=0)


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_a_large_flux_has_a_gradient(way) -> None:
    d = replace(
        drive(1, 2, 3, loop=False), phi=torch.full((1, 2, 3), 1e4, dtype=torch.float64, requires_grad=True)
    )
    for name in CLOSED:
        assert torch.autograd.grad(run(way, d, plan(name, 3)).sum(), d.phi)[0].isfinite().all(), name


def test_threads_change_nothing() -> None:
    d, p = drive(37, 30, 64), plan("RateArray", 64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = gradients("compiled", d, p)
        torch.set_num_threads(3)
        three = gradients("compiled", d, p)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(three[0], one[0], atol=0, rtol=0)
    for key, gradient in one[1].items():
        torch.testing.assert_close(three[1][key], gradient, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_the_input_is_left_as_it_is(way) -> None:
    d, p = drive(3, 8, 5), plan("RateArray", 5)
    before = d.phi.detach().clone()
    run(way, d, p).sum().backward()
    assert torch.equal(d.phi, before)


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_strided_flux_and_gradients_are_taken(way) -> None:
    d, p = drive(3, 8, 5), plan("RateArray", 5)
    expected = run(way, d, p)
    for phi in (d.phi.transpose(0, 1).contiguous().transpose(0, 1), torch.cat([d.phi, d.phi], 1)[:, :8]):
        history = run(way, replace(d, phi=phi), p)
        assert torch.equal(history, expected)
        history.sum().backward()  # an expanded gradient


@pytest.mark.parametrize("laid", [Tensor.contiguous, lambda phi: phi.mT.contiguous().mT])
def test_a_second_backward_pass_finds_the_same(laid) -> None:
    d, p = drive(3, 8, 5), plan("RateArray", 5)
    d = replace(d, phi=laid(d.phi.detach()).requires_grad_())
    loss, leaves = run("compiled", d, p).square().sum(), [t for t in d.tensors if t is not None]
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(loss, leaves), strict=True):
        assert torch.equal(one, other)


def test_what_was_saved_may_come_back_from_elsewhere() -> None:
    """As with `save_on_cpu`; what was there before belongs to others by then."""
    d, p = drive(3, 8, 5), plan("RateArray", 5)
    leaves = [t for t in d.tensors if t is not None]
    expected = torch.autograd.grad(run("compiled", d, p).square().sum(), leaves)
    packed: list[Tensor] = []

    def pack(t: Tensor) -> Tensor:
        packed.append(t.detach())
        return t.clone()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        loss = run("compiled", d, p).square().sum()
    for t in packed:
        t.fill_(torch.nan)
    for one, other in zip(torch.autograd.grad(loss, leaves), expected, strict=True):
        assert torch.equal(one, other)


def test_two_backward_passes_at_once_do_not_meet() -> None:
    d, p = drive(8, 40, 16), plan("RateArray", 16)
    for _ in range(20):
        history = run("compiled", d, p)
        given = [torch.rand(history.shape, dtype=history.dtype) for _ in range(2)]

        def back(upstream: Tensor, history: Tensor = history) -> Tensor:
            return torch.autograd.grad(history, d.weight, upstream, retain_graph=True)[0]

        alone = [back(upstream) for upstream in given]
        with ThreadPoolExecutor(2) as threads:
            for together, expected in zip(threads.map(back, given), alone, strict=True):
                assert torch.equal(together, expected)


def test_only_what_the_backward_pass_reads_is_saved() -> None:
    d, long = drive(3, 50, 5, noise=True), list[Tensor]()

    def pack(t: Tensor) -> Tensor:
        long.extend([t] * (t.dim() == 3))
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        run("compiled", d, plan("RateArray", 5))
    assert len(long) == 3  # history, flux, and the noise on g, which is a part of the drive


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_nan_stays_nan(way) -> None:
    d, p = drive(2, 6, 3, loop=False), plan("RateArray", 3)
    phi = d.phi.detach().clone()
    phi[1, 2, 0] = torch.nan
    history = run(way, replace(d, phi=phi), p)
    assert history[1, 3:, 0].isnan().all()
    assert not history[0].isnan().any()


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_a_second_derivative_is_refused(way) -> None:
    d, p = drive(2, 4, 3), plan("Tanh", 3)
    with pytest.raises(RuntimeError, match="create_graph"):
        torch.autograd.grad(run(way, d, p).sum(), d.phi, create_graph=True)


@pytest.mark.parametrize("way", ["compiled", "fused"])
def test_many_gradients_at_once_are_refused(way) -> None:
    d, p = drive(2, 4, 3), plan("Tanh", 3)
    history = run(way, d, p)
    with pytest.raises(RuntimeError, match="is_grads_batched"):
        torch.autograd.grad(history, d.phi, torch.ones(5, *history.shape), is_grads_batched=True)


def test_small_steps_on_torch_take_one_thread_and_leave_the_others_to_the_rest() -> None:
    d, seen = drive(3, 8, 5), set[int]()

    def watched(phi: torch.Tensor, current: torch.Tensor) -> torch.Tensor:
        if phi.dim() == 2:  # one step, not the many of the backward pass
            seen.add(torch.get_num_threads())
        return torch.tanh(phi)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        fused(d, watched, 1).sum().backward()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == {1}
