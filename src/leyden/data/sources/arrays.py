"""Samples from arrays in npy, npz and safetensors files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from leyden.data.archive import Archive
from leyden.data.problems import bad_labels, fractional_labels
from leyden.data.sources._held import Column, Held, HeldSource
from leyden.data.sources.source import source
from leyden.spec.errors import DataError

NAMES = {
    "input": ("input", "inputs", "x", "X", "data", "images", "features"),
    "target": ("target", "targets", "y", "Y", "labels", "label"),
}
LARGE = 1 << 30  # bytes from which a file is mapped rather than read
Type = Literal["auto", "keep", "float32", "float64", "float16", "int64"]


@source("arrays")
class Arrays(HeldSource):
    """Samples from arrays: row i of the input array and row i of the target array are sample i.

    In an archive the arrays are found by name: `x`, `y` and the like, with a split as `train_x`, `x_train` or
    `train/x`. A one-dimensional integer target is read as classes.

    Args:
        path: An npz or safetensors file with named arrays, or an npy file with the inputs alone.
        split: Take the arrays of this part of the archive, e.g. `train` for `train_x` and `train_y`.
        input: Name of the input array; null finds it.
        target: Name of the target array; null finds it.
        target_path: File that holds the targets, where `path` does not.
        input_dtype: Type of inputs; `auto` makes floats and bytes float32 and other integers int64.
        target_dtype: Type of targets; `auto` makes floats float32 and integers int64.
        scale: Inputs are multiplied by this, e.g. 0.00392157 for bytes to 0..1.
        layout: `add_channel` puts a channel axis in front of (height, width), `channels_last` moves the last
            axis there.
        classes: Names of the classes in label order; null numbers them.
        memory_map: Leave uncompressed arrays on disk and read what is needed; `auto` does so from 1 GiB on.

    Example:
        type: arrays
        path: digits.npz
        split: train
    """

    def __init__(
        self,
        *,
        path: Path,
        split: str | None = None,
        input: str | None = None,
        target: str | None = None,
        target_path: Path | None = None,
        input_dtype: Type = "auto",
        target_dtype: Type = "auto",
        scale: float = 1.0,
        layout: Literal["keep", "add_channel", "channels_last"] = "keep",
        classes: list[str] | None = None,
        memory_map: Literal["auto"] | bool = "auto",
    ) -> None:
        self.path = path
        self.target_path = path if target_path is None else target_path
        self.split = split
        self.names = {"input": input, "target": target}
        self.dtypes: dict[str, Type] = {"input": input_dtype, "target": target_dtype}
        self.scale = scale
        self.layout = layout
        self.classes = tuple(classes or ())
        self._keys: dict[str, str] = {}
        size = path.stat().st_size if path.is_file() else 0
        self.memory_map = size >= LARGE if memory_map == "auto" else memory_map
        self.in_memory = not self.memory_map

    def load(self) -> Held:
        arrays = Archive(self.path, memory_map=self.memory_map)
        inputs = self._laid_out(self._pick("input", arrays, self.path))
        columns = {"input": self._column("input", inputs)}
        elsewhere = self.target_path != self.path
        targets = Archive(self.target_path, memory_map=self.memory_map) if elsewhere else arrays
        if elsewhere or self.path.suffix != ".npy":
            columns["target"] = self._column("target", self._pick("target", targets, self.target_path))
            if len(columns["target"].array) != len(inputs):
                raise DataError(
                    f"{self.path}: inputs and targets must be of one length, but {self._named('input')} has "
                    f"{len(inputs)} rows and {self._named('target')} has {len(columns['target'].array)}"
                )
        return Held(columns=columns, classes=self._class_names(columns))

    def place(self, name: str, row: int) -> str:
        return f"{self._file(name)}: {self._named(name)}[{row}]"

    def fitted(self, indices: np.ndarray, /) -> dict[str, Any]:
        return {"classes": list(self.held.classes)} if self.held.classes else {}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Arrays:
        like = copy(self)
        like.classes = self.classes or tuple(fitted.get("classes", ()))
        if "held" in self.__dict__:
            like.held = replace(self.held, classes=like._class_names(self.held.columns))
        if like.held.classes:
            labels = like.held.columns["target"].array
            for problem in bad_labels(labels, len(like.held.classes), lambda row: self.place("target", row)):
                raise DataError(problem)
        return like

    def check(self) -> Sequence[str]:
        problems = list(super().check())
        if not problems and self.dtypes["target"] == "int64" and "target" in self.held.columns:
            raw = self.held.columns["target"].array
            problems += fractional_labels(raw, lambda row: self.place("target", row))
        return problems

    def _pick(self, name: str, arrays: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
        """The array that is the input or the target, by the name that was set or by the usual ones."""
        if path.suffix == ".npy":
            self._keys[name] = ""
            return _with_rows(arrays[""], path, path.name)
        wished = self.names[name]
        names = NAMES[name] if wished is None else (wished,)
        if self.split is not None:
            ways = ("{0}_{1}", "{1}_{0}", "{0}/{1}", "{1}/{0}", "{0}.{1}", "{1}.{0}")
            names = tuple(way.format(self.split, alias) for alias in names for way in ways)
        found = [alias for alias in names if alias in arrays]
        if wished is not None and wished in arrays:
            found = [wished]
        if not found:
            self._refuse_missing(name, names, arrays, path)
        self._keys[name] = found[0]
        return _with_rows(arrays[found[0]], path, found[0])

    def _refuse_missing(
        self, name: str, names: tuple[str, ...], arrays: Mapping[str, np.ndarray], path: Path
    ) -> None:
        from difflib import get_close_matches

        close = get_close_matches(self.names[name] or names[0], arrays, n=1, cutoff=0.6)
        holds = ", ".join(f"{key} {array.shape}" for key, array in arrays.items()) or "no arrays"
        looked = f"`{self.names[name]}`" if self.names[name] else f"a name such as `{names[0]}`"
        part = f" for split `{self.split}`" if self.split else ""
        hint = f"; did you mean `{close[0]}`?" if close else f"; name it with `{name}:`"
        if not self.split and any("train" in key for key in arrays):
            hint = "; choose a part with `split: train`"
        raise DataError(f"{path}: no {name} array {looked}{part}; the file holds {holds}{hint}")

    def _column(self, name: str, array: np.ndarray) -> Column:
        if array.dtype.kind not in "fiub":
            place = f"{self._file(name)}: {self._named(name)}"
            raise DataError(f"{place} must hold real numbers, but its type is {array.dtype}")
        wish, scale = self.dtypes[name], self.scale if name == "input" else 1.0
        dtype = _automatic(array.dtype, name, scale) if wish == "auto" else wish
        given = array.dtype if dtype == "keep" else np.dtype(dtype)
        if scale != 1.0 and given.kind != "f":
            raise DataError(f"{self.path}: scale {scale} needs inputs of a float type, but they are {given}")
        if array.dtype.kind == given.kind == "f" and not self.memory_map:
            array = array.astype(given, copy=False)  # now, and not for every batch
        return Column(array=array, dtype=given, scale=scale)

    def _laid_out(self, array: np.ndarray) -> np.ndarray:
        if self.layout == "add_channel":
            return array[:, None]
        if self.layout == "channels_last":
            if array.ndim < 3:
                rule = "layout channels_last needs (samples, ..., channels)"
                raise DataError(f"{self.path}: {rule}, but the shape is {array.shape}")
            moved = np.moveaxis(array, -1, 1)
            return moved if self.memory_map else np.ascontiguousarray(moved)
        return array

    def _class_names(self, columns: dict[str, Column]) -> tuple[str, ...]:
        target = columns.get("target")
        if target is None or target.dtype.kind not in "iu":
            if self.classes:
                stored = "missing" if target is None else str(target.dtype)
                raise DataError(
                    f"{self.path}: classes need integer targets, but targets are {stored}; "
                    f"set target_dtype to int64 or leave the classes out"
                )
            return ()
        if self.classes or target.array.ndim != 1:
            return self.classes
        return tuple(str(label) for label in range(int(target.array.max(initial=0)) + 1))

    def _file(self, name: str) -> Path:
        return self.target_path if name == "target" else self.path

    def _named(self, name: str) -> str:
        return self._keys.get(name) or name


def _automatic(stored: np.dtype, name: str, scale: float) -> str:
    bytes_of_a_picture = name == "input" and (stored.kind == "b" or stored == np.uint8 or scale != 1.0)
    return "float32" if stored.kind == "f" or bytes_of_a_picture else "int64"


def _with_rows(array: np.ndarray, path: Path, name: str) -> np.ndarray:
    if array.ndim == 0:
        raise DataError(f"{path}: {name} must have one row a sample, but is a single number")
    return array
