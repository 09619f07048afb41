"""A keyed shuffle of 0..n-1 that answers for any position without computing the others.

Up to `TABLE` numbers the shuffle is a table: random keys, sorted. Above, it is a Feistel network of six
rounds on the smallest power of two that holds n; a result outside 0..n-1 is encrypted again until it falls
inside (cycle walking), which keeps it a bijection and takes fewer than two turns on average. Only integer
arithmetic of our own is used, so that an order is the same on every machine and with every version of
numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from leyden.spec.seeds import fold_in

TABLE = 4096
ROUNDS = 6


def permuted(positions: np.ndarray, /, *, n: int, key: int) -> np.ndarray:
    """The numbers (int64) at ``positions`` (integers in 0..n-1) when 0..n-1 is shuffled by ``key``."""
    if n <= TABLE:
        return _table(n, key)[positions]
    numbers = _feistel(positions, n, key)
    outside = np.flatnonzero(numbers >= n)
    while outside.size:
        again = _feistel(numbers[outside], n, key)
        numbers[outside] = again
        outside = outside[again >= n]
    return numbers.astype(np.int64)


def random_bits(counters: np.ndarray, /, *, key: int) -> np.ndarray:
    """Independent uniform numbers (uint64), a function of counter (integers >= 0) and key: splitmix64."""
    bits = counters.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def uniform(counters: np.ndarray, /, *, key: int) -> np.ndarray:
    """Independent uniform numbers (float64) in [0, 1), a function of counter and key."""
    return (random_bits(counters, key=key) >> np.uint64(11)) * 2.0**-53


@lru_cache(maxsize=64)
def _table(n: int, key: int) -> np.ndarray:
    return np.argsort(random_bits(np.arange(n), key=key), kind="stable").astype(np.int64)


def _feistel(numbers: np.ndarray, n: int, key: int) -> np.ndarray:
    """One pass over the smallest power of two >= n; each round changes one half by the other."""
    bits = (n - 1).bit_length()
    word = _WORDS[bits > 32]
    low_bits = bits // 2
    numbers = numbers.astype(word.type)
    low = numbers & word.type((1 << low_bits) - 1)
    high = numbers >> word.type(low_bits)
    for low_key, high_key in _round_keys(key, word.bits):
        high ^= word.scrambled(low, low_key, bits - low_bits)
        low ^= word.scrambled(high, high_key, low_bits)
    high <<= word.type(low_bits)
    high |= low
    return high


@dataclass(frozen=True)
class _Word:
    """Integers of one width, and the multipliers that mix them well: lowbias32 and splitmix64."""

    type: type[np.unsignedinteger[Any]]
    bits: int
    first: int
    second: int

    def scrambled(self, half: np.ndarray, key: int, width: int) -> np.ndarray:
        """The top ``width`` bits of a keyed mixture of ``half``."""
        mixed = half + self.type(key)
        mixed *= self.type(self.first)
        mixed ^= mixed >> self.type(self.bits // 2)
        mixed *= self.type(self.second)
        mixed >>= self.type(self.bits - width)
        return mixed


# 32 bits are three times as fast, and enough for 4 billion samples
_WORDS = (
    _Word(np.uint32, 32, 0x7FEB352D, 0x846CA68B),
    _Word(np.uint64, 64, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB),
)


@lru_cache(maxsize=64)
def _round_keys(key: int, bits: int) -> tuple[tuple[int, int], ...]:
    words = [fold_in(key, "round", number) % (1 << bits) for number in range(ROUNDS)]
    return tuple(zip(words[::2], words[1::2], strict=True))
