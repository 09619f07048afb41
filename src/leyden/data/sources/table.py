"""Rows of a CSV or Parquet file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from leyden.data.sources._held import Column, Held, HeldSource
from leyden.data.sources._measured import REPAIR, Encode, Missing, features, measured
from leyden.data.sources.source import source
from leyden.data.tables import (
    DataFrame,
    Series,
    numbers,
    read_table,
    refuse_missing,
    require_columns,
    row_place,
)
from leyden.spec.errors import DataError

MOST_CLASSES = 100  # different whole numbers that are taken for classes unasked


@source("table", requires=("pandas", "pyarrow"), extra="table")
class Table(HeldSource):
    """Rows of a table: some columns are the input, one (or more) the target.

    What is measured (means, standard deviations, fill-in values, categories, classes) is measured on the
    training rows alone and holds for every set.

    Args:
        path: A CSV file whose first line names the columns, or a Parquet file.
        target: Column to predict; several give a vector of numbers; null for none.
        features: Columns of the input, in this order; null takes all but the target and those to ignore.
        ignore: Columns that are left out, such as an identifier.
        categorical: Features that are categories, not numbers.
        encode: A category becomes one feature each (`one_hot`; unseen: all 0) or its number (`codes`; unseen:
            0).
        missing: What a missing value does: refuse the file, drop the row, or become the column's mean, median
            or 0.
        standardize: Subtract the mean and divide by the standard deviation, for features that are numbers.
        target_is: Classes or a number; `auto` takes text, booleans and whole numbers for classes.
        delimiter: What separates values in a CSV file.

    Example:
        type: table
        path: train.csv
        target: price
        categorical: [town]
        standardize: true
    """

    def __init__(
        self,
        *,
        path: Path,
        target: str | list[str] | None,
        features: list[str] | None = None,
        ignore: list[str] | None = None,
        categorical: list[str] | None = None,
        encode: Encode = "one_hot",
        missing: Missing = "error",
        standardize: bool = False,
        target_is: Literal["auto", "class", "number"] = "auto",
        delimiter: str = ",",
    ) -> None:
        self.path = path
        self.targets = [target] if isinstance(target, str) else list(target or ())
        self.features = features
        self.ignore = ignore or []
        self.categorical = categorical or []
        self.encode: Encode = encode
        self.missing: Missing = missing
        self.standardize = standardize
        self.target_is = target_is
        self.delimiter = delimiter
        self._vector = isinstance(target, list)
        self._fitted: dict[str, Any] = {}

    @cached_property
    def _table(self) -> DataFrame:
        """The columns that are used; rows keep their number in the file."""
        table = read_table(self.path, self.delimiter)
        named = [*self.targets, *self.ignore, *(self.features or ()), *self.categorical]
        require_columns(self.path, table, named)
        chosen = self.features or [
            str(name) for name in table.columns if name not in (*self.targets, *self.ignore)
        ]
        self._refuse_settings(chosen)
        table = table[[*chosen, *self.targets]]
        table = table.dropna() if self.missing == "drop" else table
        if not len(table):
            raise DataError(f"{self.path}: no row is left; the file holds none, or each misses a value")
        return table

    def _refuse_settings(self, chosen: list[str]) -> None:
        both = [name for name in chosen if name in self.targets or name in self.ignore]
        if both:
            raise DataError(
                f"{self.path}: column `{both[0]}` is a feature and also the target or ignored; choose"
            )
        idle = [name for name in self.categorical if name not in chosen]
        if idle:
            raise DataError(f"{self.path}: categorical column `{idle[0]}` is not among the features")

    def __len__(self) -> int:
        return len(self._table)

    def load(self) -> Held:
        fitted = self._fitted or self._unmeasured()
        inputs = features(self._table, fitted, self._row, missing=self.missing, encode=self.encode)
        columns = {"input": Column(array=inputs, dtype=inputs.dtype)}
        if self.targets:
            targets = self._target(tuple(fitted["classes"]))
            columns["target"] = Column(array=targets, dtype=targets.dtype)
        return Held(columns=columns, classes=tuple(fitted["classes"]))

    def _unmeasured(self) -> dict[str, Any]:
        """What is known without a look at training rows, where that is enough."""
        if self.standardize or self.categorical or self.missing in ("mean", "median"):
            raise DataError(
                f"{self.path}: standardize, categorical and filling in need training rows to be measured on: "
                f"use table.with_fitted(train.fitted(rows))"
            )
        return self.fitted(np.arange(len(self)))

    def fitted(self, indices: np.ndarray, /) -> dict[str, Any]:
        chosen = [str(name) for name in self._table.columns if name not in self.targets]
        found = measured(
            self._table,
            indices,
            self._row,
            numeric=[name for name in chosen if name not in self.categorical],
            categorical=[name for name in chosen if name in self.categorical],
            missing=self.missing,
            standardize=self.standardize,
        )
        return {**found, "classes": list(self._classes)}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Table:
        like = copy(self)
        for name in ("held", "_codes"):
            vars(like).pop(name, None)
        like._fitted = dict(fitted)
        require_columns(self.path, self._table, [*fitted["numeric"], *fitted["categories"]])
        like.labels()  # refuses a class that is not among those trained on
        return like

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """Names of the classes of this file; whole numbers in their order, anything else by its text."""
        if self._vector or not self.targets or self.target_is == "number":
            if self.target_is == "class":
                raise DataError(
                    f"{self.path}: target_is class needs one target column, but got {self.targets}"
                )
            return ()
        column = self._table[self.targets[0]]
        refuse_missing(column, self._row, "fill it in, or set `missing: drop`")
        if column.dtype.kind == "f":
            if self.target_is == "auto":
                return ()
            self._refuse_fractions(column)
            column = column.astype(np.int64)
        distinct = sorted(column.unique().tolist())
        if column.dtype.kind in "iu" and self.target_is == "auto" and len(distinct) > MOST_CLASSES:
            raise DataError(
                f"{self.path}: column `{column.name}` holds {len(distinct)} different whole numbers, which "
                f"may be classes or a quantity; say which with `target_is: class` or `target_is: number`"
            )
        return tuple(str(value) for value in distinct)

    def _refuse_fractions(self, column: Series) -> None:
        fractions = np.flatnonzero(np.asarray(column % 1 != 0))
        if fractions.size:
            row = int(fractions[0])
            rule = f"column `{column.name}` holds classes, which are whole numbers or text"
            raise DataError(f"{self._row(row)}: {rule}, but this is {column.iloc[row]}")

    def _target(self, classes: tuple[str, ...]) -> np.ndarray:
        for name in self.targets:
            refuse_missing(self._table[name], self._row, "fill it in, or set `missing: drop`")
        if not classes:
            values = [numbers(self._table[name], self._row) for name in self.targets]
            return (np.stack(values, axis=1) if self._vector else values[0]).astype(np.float32)
        number = {name: label for label, name in enumerate(classes)}
        column = self._table[self.targets[0]]
        texts = [str(value) for value in (column.astype(np.int64) if column.dtype.kind == "f" else column)]
        for row, text in enumerate(texts):
            if text not in number:
                known = ", ".join(classes)
                raise DataError(f"{self._row(row)}: class `{text}` is not among those trained on ({known})")
        return np.array([number[text] for text in texts], np.int64)

    def labels(self) -> np.ndarray | None:
        return self._codes

    @cached_property
    def _codes(self) -> np.ndarray | None:
        classes = tuple(self._fitted.get("classes", self._classes))
        return self._target(classes) if classes else None

    def place(self, name: str, row: int) -> str:
        return self._row(row)

    def _row(self, row: int) -> str:
        return row_place(self.path, int(self._table.index[row]), self.delimiter)

    def fingerprint(self) -> str:
        settings = (self.targets, self.features, self.ignore, self.categorical, self.encode, self.missing)
        digest = hashlib.blake2b(repr((settings, self.standardize, self.target_is)).encode(), digest_size=16)
        with self.path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def check(self) -> Sequence[str]:
        try:
            table, _ = self._table, self._classes
        except DataError as error:
            return [str(error)]
        problems: list[str] = []
        for name in table.columns:
            try:
                if self.missing == "error" and name not in self.targets:
                    refuse_missing(table[name], self._row, REPAIR)
                if name not in self.categorical and not (name in self.targets and self._classes):
                    numbers(table[name], self._row)
            except DataError as error:
                problems.append(str(error))
        if problems:
            return problems
        return (
            super().check() if self._fitted else self.with_fitted(self.fitted(np.arange(len(table)))).check()
        )
