"""What a table's training rows say about its columns, and samples made with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from leyden.data.tables import DataFrame, numbers, refuse_missing

Missing = Literal["error", "drop", "mean", "median", "zero"]
Encode = Literal["one_hot", "codes"]
REPAIR = "fill it in, or set `missing` to drop, mean, median or zero"


def measured(
    table: DataFrame,
    rows: np.ndarray,
    place: Callable[[int], str],
    *,
    numeric: list[str],
    categorical: list[str],
    missing: Missing,
    standardize: bool,
) -> dict[str, Any]:
    """Fill-in values, means, deviations (0 counts as 1) and categories of the rows, in plain values."""
    found: dict[str, Any] = {"numeric": numeric, "fill": [], "mean": [], "std": [], "categories": {}}
    for name in numeric:
        values = numbers(table[name], place)[rows]
        fill = {"mean": np.nanmean, "median": np.nanmedian}.get(missing, lambda _: 0.0)(values)
        values = np.where(np.isnan(values), fill, values)
        found["fill"].append(float(fill))
        found["mean"].append(float(values.mean()) if standardize else 0.0)
        found["std"].append(float(values.std() or 1.0) if standardize else 1.0)
    for name in categorical:
        present = table[name].iloc[rows].dropna().unique()
        found["categories"][name] = sorted(_text(value) for value in present)
    return found


def _text(value: Any) -> str:
    """A category as text; a whole number is the same one in a column that a missing value made floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def features(
    table: DataFrame,
    fitted: Mapping[str, Any],
    place: Callable[[int], str],
    *,
    missing: Missing,
    encode: Encode,
) -> np.ndarray:
    """Inputs (rows, features) as float32: numbers, then categories; an unseen one is code 0 or all zeros.

    Raises:
        DataError: A value is missing where that is an error, or no number.
    """
    columns: list[np.ndarray] = []
    statistics = zip(fitted["numeric"], fitted["fill"], fitted["mean"], fitted["std"], strict=True)
    for name, fill, mean, std in statistics:
        if missing == "error":
            refuse_missing(table[name], place, REPAIR)
        values = numbers(table[name], place)
        columns.append((np.where(np.isnan(values), fill, values) - mean) / std)
    for name, categories in fitted["categories"].items():
        if missing == "error":
            refuse_missing(table[name], place, REPAIR)
        number = {category: code for code, category in enumerate(categories, start=1)}
        codes = np.array([number.get(_text(value), 0) for value in table[name]], np.int64)
        if encode == "codes":
            columns.append(codes)
        else:
            columns.extend(np.eye(len(categories) + 1)[codes].T[1:])
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((len(table), 0), np.float32)
