"""Orders and samplers: bijections, uniform, independent, the same for any stretch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from leyden.data.order import BLOCK, Order
from leyden.data.permutation import TABLE, permuted, uniform
from leyden.data.samplers.balanced import Balanced
from leyden.data.samplers.sampler import Sampler
from leyden.data.samplers.sequential import Sequential
from leyden.data.samplers.shuffle import Shuffle
from leyden.data.samplers.weighted import Weighted
from leyden.spec.errors import DataError

LABELS = np.repeat(np.arange(4), [500, 300, 150, 50])
SAMPLERS: list[Sampler] = [Shuffle(), Sequential(), Weighted(), Weighted(power=0.5, factor=1.7), Balanced()]


@given(st.integers(1, 30_000), st.integers(0, 2**63 - 1))
@settings(max_examples=150)
def test_a_permutation_of_any_size_is_a_bijection(n: int, key: int) -> None:
    assert np.array_equal(np.sort(permuted(np.arange(n), n=n, key=key)), np.arange(n))


@pytest.mark.parametrize("n", [TABLE + 1, 2**16, 2**16 + 1, 2**17 - 1, 300_007])
def test_the_feistel_network_is_a_bijection_beside_every_power_of_two(n: int) -> None:
    assert np.array_equal(np.sort(permuted(np.arange(n), n=n, key=n)), np.arange(n))


@pytest.mark.parametrize("n", [10**9, 2**40 + 1, 2**62])
def test_positions_of_huge_sets_are_answered_distinct_and_inside(n: int) -> None:
    positions = np.concatenate([np.arange(1000), np.arange(n - 1000, n)])
    numbers = permuted(positions, n=n, key=5)
    assert len(np.unique(numbers)) == len(positions)
    assert numbers.min() >= 0 and numbers.max() < n


@pytest.mark.parametrize("n", [5, 4099])
def test_a_sample_stands_at_each_position_equally_often_over_seeds(n: int) -> None:
    trials = 3000
    for position in (0, n // 2, n - 1):
        seen = [int(permuted(np.array([position]), n=n, key=key)[0]) for key in range(trials)]
        cells = np.bincount(np.array(seen) * 5 // n, minlength=5)
        share = np.array([-(-(cell + 1) * n // 5) - -(-cell * n // 5) for cell in range(5)]) / n
        assert stats.chisquare(cells, share * trials).pvalue > 1e-4


@pytest.mark.parametrize("n", [1000, 20_011])
def test_neighbouring_seeds_and_positions_are_independent(n: int) -> None:
    first, second = (permuted(np.arange(n), n=n, key=key) for key in (1, 2))
    bound = 4 / np.sqrt(n)
    assert abs(np.corrcoef(first, second)[0, 1]) < bound
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < bound
    assert abs(np.corrcoef(first, np.arange(n))[0, 1]) < bound
    assert (first == second).sum() < 12  # about one fixed point is expected
    assert ((np.diff(first) % n) == 1).sum() < 12


def test_counted_uniform_numbers_are_uniform() -> None:
    assert stats.kstest(uniform(np.arange(50_000), key=9), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
@given(data=st.data())
@settings(max_examples=30)
def test_any_stretch_of_an_order_is_the_stretch_of_the_whole(sampler: Sampler, data: st.DataObject) -> None:
    order = Order(sampler, num_samples=1000, seed=3, labels=LABELS)
    first = data.draw(st.integers(0, order.length - 1))
    end = data.draw(st.integers(first, order.length))
    epoch = data.draw(st.integers(0, 3))
    whole = sampler.indices(np.arange(order.length), seed=3, epoch=epoch, num_samples=1000, labels=LABELS)
    assert np.array_equal(order.indices(epoch, first, end), whole[first:end])


def test_a_stretch_over_several_blocks_is_whole() -> None:
    order = Order(Shuffle(), num_samples=3 * BLOCK, seed=1)
    whole = permuted_epoch = order.indices(2, 0, 3 * BLOCK)
    assert np.array_equal(np.sort(permuted_epoch), np.arange(3 * BLOCK))
    assert np.array_equal(order.indices(2, BLOCK - 5, 2 * BLOCK + 5), whole[BLOCK - 5 : 2 * BLOCK + 5])


def test_epochs_and_seeds_of_shuffle_differ() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return Order(Shuffle(), num_samples=50, seed=seed).indices(epoch, 0, 50).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1) != order(2, 0)


def test_weighted_draws_every_class_equally_often() -> None:
    order = Order(Weighted(factor=20), num_samples=1000, seed=0, labels=LABELS)
    drawn = order.indices(0, 0, 20_000)
    share = np.bincount(LABELS[drawn]) / 20_000
    assert np.all(np.abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 20_000))
    inside = np.bincount(drawn[LABELS[drawn] == 3] - 950, minlength=50)
    assert stats.chisquare(inside).pvalue > 1e-4


def test_weighted_with_power_zero_draws_every_sample_equally_often() -> None:
    drawn = Order(Weighted(power=0, factor=20), num_samples=1000, seed=0, labels=LABELS).indices(0, 0, 20_000)
    assert stats.chisquare(np.bincount(drawn, minlength=1000)).pvalue > 1e-4


def test_balanced_takes_each_class_in_turn_and_repeats_no_sample_before_its_class_is_through() -> None:
    order = Order(Balanced(), num_samples=1000, seed=0, labels=LABELS)
    epochs = np.concatenate([order.indices(epoch, 0, 1000) for epoch in range(4)])
    classes = LABELS[epochs].reshape(-1, 4)
    assert np.array_equal(np.sort(classes, axis=1), np.tile(np.arange(4), (1000, 1)))
    assert len({tuple(row) for row in classes.tolist()}) == 24  # every order of four classes occurs
    for label, count in enumerate([500, 300, 150, 50]):
        mine = epochs[LABELS[epochs] == label]
        for cycle in range(len(mine) // count):
            assert len(set(mine[cycle * count : (cycle + 1) * count].tolist())) == count


@pytest.mark.parametrize("sampler", [Weighted(), Balanced()])
def test_class_samplers_refuse_data_without_classes(sampler: Sampler) -> None:
    with pytest.raises(DataError, match="needs one class label for each sample"):
        Order(sampler, num_samples=10, seed=0).indices(0, 0, 5)
