"""Every logged number of a run as a table."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.runs.series import whole_lines
from leyden.spec.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def read_scalars(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """All numbers that the csv tracker wrote in a run folder.

    Args:
        folder: The run folder.

    Returns:
        A row for each repeat and step, in order: ``repeat``, ``step``, then a column a metric, in the order
        in which metrics appeared. What was not measured in a step is NaN, as is what was measured and not a
        number.

    Raises:
        UserError: there are no numbers in ``folder``, or pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise UserError(
            'read_scalars needs pandas, which is not installed; pip install "leyden[table]"'
        ) from None
    files = sorted(Path(folder).glob("logs/repeat_*/metrics.csv"), key=_repeat)
    if not files:
        raise UserError(f"a run folder with logs/repeat_<k>/metrics.csv is needed, but {folder} has none")
    tables = [pd.read_csv(io.StringIO("".join(whole_lines(file)))) for file in files]
    for file, table in zip(files, tables, strict=True):
        table.insert(0, "repeat", _repeat(file))
    every = pd.concat(tables, ignore_index=True)
    # A step is in two rows where a checkpoint lies between its numbers.
    return every.groupby(["repeat", "step"], as_index=False, sort=True).last()


def _repeat(file: Path) -> int:
    return int(file.parent.name.removeprefix("repeat_"))
