"""``metrics.csv``: a row a step, a column a metric."""

from __future__ import annotations

import csv
import errno
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from leyden.runs import atomic
from leyden.runs.series import whole_lines
from leyden.trackers.tracker import Tracker, tracker


@tracker("csv")
class Csv(Tracker):
    """Writes ``metrics.csv`` into the log folder: a row a step, a column a metric.

    Columns stand in the order in which their metrics appeared. What was not measured in a step is empty; what
    was not a number is ``nan``. Floats read back as they were. A metric that appears for the first time
    widens the table, which is written anew and swapped in whole; otherwise rows are only appended. Values of
    one step are gathered into one row, which is written with the first value of another step.

    Example:
        type: csv
    """

    def __init__(self) -> None:
        self._table: io.FileIO | None = None
        self._columns: list[str] = []
        self._rows = 0  # in the file
        self._step = -1
        self._row: dict[str, float] = {}  # of this step, which more may come to
        self._waiting: list[tuple[int, dict[str, float]]] = []  # rows that the file system would not take
        self._missing = 0  # of them when `state` was asked last; `sync` runs beside a loop that logs on
        self._complained = False

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        atomic.make(folder)
        atomic.sweep(folder)
        self._file = folder / "metrics.csv"
        self._rows, self._columns, self._waiting = 0, [], []
        self._step, self._row = int(state.get("step", -1)), dict(state.get("row", {}))
        if self._file.exists():
            self._keep(int(state.get("rows", 0)))
        else:
            atomic.write_text(self._file, _line(["step"]))
        self._append_from_here()

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        if step != self._step:
            self._write_row()
        self._step = step
        self._row.update(values)

    def state(self) -> dict[str, Any]:
        """The rows in the file, and the row that is still open, so that a checkpoint never splits one."""
        self._write_waiting()
        self._missing = len(self._waiting)
        with suppress(OSError):  # where it stays away, `sync` says so
            self._bring_back()
        return {"rows": self._rows, "step": self._step, "row": dict(self._row)}

    def sync(self) -> None:
        if self._missing:
            raise OSError(f"{self._file} could not take {self._missing} rows")
        atomic.sync(self._file)

    def close(self) -> None:
        self._write_row()
        if self._table is not None:
            self._table.close()
        self._table = None

    def _bring_back(self) -> None:
        """Write the file anew that somebody has deleted: what is open can still be read."""
        if self._table is None or self._file.exists():
            return
        size = os.fstat(self._table.fileno()).st_size
        atomic.write_bytes(self._file, os.pread(self._table.fileno(), size, 0))
        self._append_from_here()

    def _keep(self, rows: int) -> None:
        """Drop all but the first ``rows`` rows, and a last line that was torn off."""
        lines = whole_lines(self._file)
        self._columns = next(csv.reader(lines[:1]), ["step"])[1:]
        kept = lines[: rows + 1] or [_line(["step"])]
        self._rows = len(kept) - 1
        if len(kept) < len(lines) or self._file.stat().st_size != sum(len(line.encode()) for line in lines):
            atomic.write_text(self._file, "".join(kept))

    def _write_row(self) -> None:
        if self._row:
            self._waiting.append((self._step, self._row))
            self._row = {}
            self._write_waiting()

    def _write_waiting(self) -> None:
        """Write all rows that are complete; on a full disk they wait for the next time."""
        try:
            while self._waiting:
                self._append(*self._waiting[0])
                del self._waiting[0]
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                warnings.warn(
                    f"{self._file}: {error}; its rows are kept until they can be written", stacklevel=2
                )

    def _append(self, step: int, row: Mapping[str, float]) -> None:
        assert self._table is not None
        if new := [name for name in row if name not in self._columns]:
            self._widen(new)
        cells = [repr(float(row[name])) if name in row else "" for name in self._columns]
        line = _line([str(step), *cells]).encode()
        size = os.fstat(self._table.fileno()).st_size
        if self._table.write(line) != len(line):  # one call, so that a kill tears no row
            os.ftruncate(self._table.fileno(), size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._rows += 1

    def _widen(self, new: Sequence[str]) -> None:
        assert self._table is not None
        _, *rows = whole_lines(self._file)
        wider = [row.removesuffix("\n") + "," * len(new) + "\n" for row in rows]
        atomic.write_text(self._file, _line(["step", *self._columns, *new]) + "".join(wider))
        self._columns += new
        self._append_from_here()

    def _append_from_here(self) -> None:
        if self._table is not None:
            self._table.close()
        self._table = io.FileIO(self._file, "a+")


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
