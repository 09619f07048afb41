"""Predictions as a file: one row a sample, one column a name, in the format that the file's ending says."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Columns = Mapping[str, np.ndarray]  # equal first dimensions, the samples


def write_csv(path: Path, columns: Columns, classes: Sequence[str]) -> None:
    """Text for spreadsheets; arrays become a column a number, named by class where there is one each."""
    flat: dict[str, list[Any]] = {}
    for name, values in columns.items():
        if values.ndim == 1:
            flat[name] = values.tolist()
            continue
        rows = values.reshape(len(values), -1)
        labels = classes if len(classes) == rows.shape[1] else range(rows.shape[1])
        flat |= {f"{name}[{label}]": rows[:, index].tolist() for index, label in enumerate(labels)}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(flat)
        writer.writerows(zip(*flat.values(), strict=True))


def write_jsonl(path: Path, columns: Columns, classes: Sequence[str]) -> None:
    """One JSON object a line; arrays stay lists."""
    lists = [values.tolist() for values in columns.values()]
    with path.open("w", encoding="utf-8") as file:
        for row in zip(*lists, strict=True):
            file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def write_npz(path: Path, columns: Columns, classes: Sequence[str]) -> None:
    """NumPy's archive, every array as it is, and the class names as ``classes`` where there are any."""
    import numpy as np

    arrays: dict[str, Any] = {**columns, **({"classes": np.array(classes)} if classes else {})}
    with path.open("wb") as file:  # numpy would change the name of a file without its ending
        np.savez(file, **arrays)


def write_parquet(path: Path, columns: Columns, classes: Sequence[str]) -> None:
    """Parquet; arrays become list columns."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        from leyden.spec.errors import UserError

        raise UserError(f'{path}: Parquet needs pyarrow; pip install "leyden[table]", or write .csv')
    import pyarrow
    import pyarrow.parquet

    table: Any = pyarrow.table({name: pyarrow.array(values.tolist()) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, path)  # pyright: ignore[reportUnknownMemberType]


#: ending -> what writes it
WRITERS: dict[str, Callable[[Path, Columns, Sequence[str]], None]] = {
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".npz": write_npz,
    ".parquet": write_parquet,
}


def writer_for(path: Path) -> Callable[[Path, Columns, Sequence[str]], None]:
    """What writes a file of this ending.

    Raises:
        UserError: Nothing does; with the endings that there are.
    """
    from leyden.spec.errors import UserError

    if path.suffix not in WRITERS:
        raise UserError(f"{path}: the ending says the format, and must be one of {', '.join(WRITERS)}")
    return WRITERS[path.suffix]
