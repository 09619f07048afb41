"""What can be wrong with arrays of samples, found in whole-array passes and said with the row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

BYTES_AT_ONCE = 1 << 24
BYTES_IN_ALL = 1 << 30  # of a larger (mapped) array, as much is looked at, evenly spread
IGNORED = -100  # torch's label for "leave this one out"

Place = Callable[[int], str]  # row -> "file.csv line 18"


def non_finite(array: np.ndarray, name: str, place: Place) -> list[str]:
    """The first row of ``array`` that holds NaN or infinity, and how many do."""
    if array.dtype.kind not in "fc":
        return []
    bad = [first + np.flatnonzero(~_finite_rows(rows)) for first, rows in stretches(array)]
    wrong = np.concatenate([*bad, np.zeros(0, np.int64)])
    if not wrong.size:
        return []
    row = int(wrong[0])
    values = array[row].reshape(-1)
    value = values[int(np.flatnonzero(~np.isfinite(values))[0])]
    more = f", and {wrong.size - 1} more rows do" if wrong.size > 1 else ""
    return [
        f"{place(row)}: {name} must be finite, but holds {value}{more}; mend these rows or leave them out"
    ]


def bad_labels(labels: np.ndarray, num_classes: int, place: Place) -> list[str]:
    """The first label outside 0..num_classes-1 (other than -100), and how many are."""
    outside = ((labels < 0) | (labels >= num_classes)) & (labels != IGNORED)
    wrong = np.flatnonzero(outside.reshape(len(labels), -1).any(axis=1))
    if not wrong.size:
        return []
    row = int(wrong[0])
    value = labels[row][outside[row]] if labels.ndim > 1 else labels[row]
    more = f", and {wrong.size - 1} more rows have such" if wrong.size > 1 else ""
    rule = f"a label must be from 0 to {num_classes - 1}, or {IGNORED} to be ignored"
    return [f"{place(row)}: {rule}, but is {np.ravel(value)[0]}{more}"]


def fractional_labels(labels: np.ndarray, place: Place) -> list[str]:
    """The first label that is no whole number, where labels come as floats."""
    if labels.dtype.kind != "f":
        return []
    wrong = np.flatnonzero(labels.reshape(len(labels), -1).astype(np.float64) % 1 != 0)
    if not wrong.size:
        return []
    row = int(wrong[0]) // max(1, labels[0].size)
    return [f"{place(row)}: a label must be a whole number, but is {labels[row]}"]


def _finite_rows(rows: np.ndarray) -> np.ndarray:
    finite: np.ndarray = np.isfinite(rows)
    return np.all(finite.reshape(len(rows), -1), axis=1)


def stretches(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Stretches of rows that together cover the array, or an even spread of it where it is very large."""
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    rows = max(1, BYTES_AT_ONCE // row_bytes)
    firsts = range(0, len(array), rows)
    skip = max(1, array.nbytes // BYTES_IN_ALL)
    for first in firsts[::skip]:
        yield first, array[first : first + rows]
