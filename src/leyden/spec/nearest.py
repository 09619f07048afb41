"""The nearest spelling: what somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate nearest to ``word``, or an empty string where nothing is near.

    Ties go to the same first letter, then the higher share of common letters, then the earlier candidate.
    """
    asked = _folded(word)
    ranked: list[tuple[tuple[float, bool, float, int], str]] = []
    for position, candidate in enumerate(candidates):
        known = _folded(candidate)
        cost = _cost(asked, known)
        if cost <= max(1, len(asked) // 3) and cost < max(len(asked), len(known)):
            likeness = SequenceMatcher(None, asked, known).ratio()
            ranked.append(((cost, asked[:1] != known[:1], -likeness, position), candidate))
    return min(ranked)[1] if ranked else ""


def edits(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap (neighbours) to get from ``a`` to ``b``.

    The optimal string alignment distance: Damerau's four edits, no letter edited twice.
    """
    older: list[int] = []
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        older, before = before, row
    return before[-1]


def _folded(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _cost(asked: str, known: str) -> float:
    """Edits, but a beginning or an ending of at least three letters counts as near: `acc`, `epochs`."""
    if len(asked) >= 3 and (known.startswith(asked) or known.endswith("_" + asked)):
        return min(edits(asked, known), 0.9)
    if abs(len(asked) - len(known)) > max(1, len(asked) // 3):
        return float("inf")
    return edits(asked, known)
