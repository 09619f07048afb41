"""CSV and Parquet files as data frames, refused with file, line and column where they are no tables."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from leyden.data.files import require_file
from leyden.spec.errors import DataError

DataFrame = Any  # pandas annotates `frame[name]` as Series | DataFrame, which no caller could use
Series = Any


def read_table(path: Path, delimiter: str) -> DataFrame:
    """All columns of a file; the first line of a CSV file names them.

    Raises:
        DataError: The file is missing, empty, damaged, or two columns have one name.
    """
    require_file(path)
    import pandas

    if path.suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        raise DataError(
            f"{path}: tables are read from .csv, .tsv, .txt and .parquet files, not `{path.suffix}`"
        )
    try:
        if path.suffix == ".parquet":
            return pandas.read_parquet(path, engine="pyarrow")
        _refuse_header(path, delimiter)
        table = pandas.read_csv(path, sep=delimiter, encoding="utf-8-sig", low_memory=False)
    except DataError:
        raise
    except (ValueError, OSError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: cannot be read as a table, it may be cut short or damaged ({reason})"
        ) from None
    if not isinstance(table.index, pandas.RangeIndex):  # pandas takes what is too much for row names
        raise DataError(f"{path}: lines have more values than the header has names; name every column")
    return table


def require_columns(path: Path, table: DataFrame, names: Sequence[str]) -> None:
    """Raise a `DataError` with the nearest name for the first column that is not there."""
    present = [str(name) for name in table.columns]
    for name in names:
        if name not in present:
            close = get_close_matches(name, present, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(present)}"
            raise DataError(f"{path}: no column `{name}`; {hint}")


def row_place(path: Path, row: int, delimiter: str) -> str:
    """Where a row stands: the line of a CSV file as an editor counts, or a Parquet file's row from 0 on."""
    if path.suffix != ".parquet":
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            records = (reader.line_num for record in reader if record)
            line = next(itertools.islice(records, row + 1, None), None)  # the header is the first record
        if line is not None:
            return f"{path} line {line}"
    return f"{path} row {row}"


def numbers(column: Series, place: Callable[[int], str]) -> np.ndarray:
    """A column as float64, missing values as NaN.

    Raises:
        DataError: A value is no finite number; the message has the first such row.
    """
    import pandas

    values: Any = pandas.to_numeric(column, errors="coerce")
    dates = column.dtype.kind in "mM"  # would become nanoseconds
    wrong = np.flatnonzero(np.asarray((values.isna() | dates) & column.notna()))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"{place(row)}: column `{column.name}` must hold numbers, but holds `{column.iloc[row]}`; "
            f"mend it, list the column under `categorical`, or under `ignore`"
        )
    array = np.asarray(values, np.float64)
    infinite = np.flatnonzero(np.isinf(array))
    if infinite.size:
        row = int(infinite[0])
        raise DataError(f"{place(row)}: column `{column.name}` must be finite, but holds {array[row]}")
    return array


def refuse_missing(column: Series, place: Callable[[int], str], repair: str) -> None:
    """Raise a `DataError` with the first row in which a column has no value."""
    rows = np.flatnonzero(np.asarray(column.isna()))
    if rows.size:
        more = f", as in {rows.size - 1} more rows" if rows.size > 1 else ""
        raise DataError(f"{place(int(rows[0]))}: column `{column.name}` has no value{more}; {repair}")


def _refuse_header(path: Path, delimiter: str) -> None:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next((record for record in csv.reader(file, delimiter=delimiter) if record), [])
    if not header:
        raise DataError(f"{path}: is empty; the first line must name the columns")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path} line 1: two columns are named `{twice[0]}`; rename one")
