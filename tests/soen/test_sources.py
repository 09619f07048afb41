"""Source functions and their derivatives against values of the original, also outside the rate table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leyden.soen.sources import SOURCES
from leyden.soen.torch.rates import Rates
from leyden.soen.torch.sources import source
from tests.soen.golden_case import GOLDEN, TABLE

GRIDS = dict(np.load(GOLDEN / "source_function_grids.npz"))


def rates(dtype: torch.dtype, edge: bool = False) -> Rates:
    table = torch.from_numpy(TABLE.rates.astype(np.float32)).to(dtype)
    low, high = (torch.tensor(np.float32(TABLE.currents[end])).to(dtype) for end in (0, -1))
    return Rates.of(table, low, high, edge=edge)


def grid(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    phi, current = (torch.from_numpy(GRIDS[name]).to(dtype) for name in ("phi", "squid_current"))
    return torch.meshgrid(phi, current, indexing="ij")


@pytest.mark.parametrize(
    ("dtype", "bits", "tolerance"), [(torch.float64, 64, 1e-12), (torch.float32, 32, 2e-6)]
)
@pytest.mark.parametrize("name", SOURCES)
def test_values_are_those_of_the_original(name: str, dtype: torch.dtype, bits: int, tolerance: float) -> None:
    found = source(name, rates(dtype))(*grid(dtype))
    np.testing.assert_allclose(found.numpy(), GRIDS[f"g{bits}/{name}"], atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", SOURCES)
def test_derivatives_are_those_of_the_original(name: str) -> None:
    phi, current = (t.clone().requires_grad_() for t in grid(torch.float64))
    source(name, rates(torch.float64))(phi, current).sum().backward()
    for variable, key in ((phi, "dphi"), (current, "dI")):
        expected = GRIDS[f"dg_{key}64/{name}"]
        found = np.zeros_like(expected) if variable.grad is None else variable.grad.numpy()
        # on the border of two cells of the table either slope is right, and rounding chooses one
        borders = np.isclose((phi.detach().numpy() * 400) % 1, 0) | np.isclose(
            (phi.detach().numpy() * 400) % 1, 1
        )
        inside = ~borders if name == "RateArray" else np.ones_like(borders)
        np.testing.assert_allclose(found[inside], expected[inside], atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", SOURCES)
def test_gradients_agree_with_differences(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    phi = (torch.rand(6, generator=random, dtype=torch.float64) - 0.3).requires_grad_()
    current = (1.2 + torch.rand(6, generator=random, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(source(name, rates(torch.float64)), (phi, current), eps=1e-8, atol=1e-5)


def test_a_table_gives_zero_outside_or_its_edge_where_asked() -> None:
    phi, far = torch.full((2,), 0.5, dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    assert rates(torch.float64)(phi, far).tolist() == [0.0, 0.0]
    edges = rates(torch.float64, edge=True)(phi, far).numpy()
    np.testing.assert_allclose(edges, TABLE.rates[[0, -1], -1].astype(np.float32))


def test_a_table_answers_what_is_no_number_with_no_number() -> None:
    nothing = torch.tensor([float("nan")])
    assert rates(torch.float32)(nothing, torch.ones(1)).isnan().all()
    assert rates(torch.float32)(torch.zeros(1), nothing).isnan().all()
    assert rates(torch.float32)(torch.zeros(1), torch.tensor([float("inf")])).tolist() == [0.0]
