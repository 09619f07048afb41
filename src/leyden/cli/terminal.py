"""Tables for people: rich ones on a terminal, aligned plain text in a pipe or a log file."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import TextIO


def is_terminal() -> bool:
    """Whether a person is looking at standard output; ``NO_COLOR`` and ``TERM=dumb`` count as nobody."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ


def bold(text: str) -> str:
    """Text that stands out on a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if is_terminal() else text


def dim(text: str) -> str:
    """Text that steps back on a terminal."""
    return f"\x1b[2m{text}\x1b[0m" if is_terminal() else text


def wrapped(text: str, stream: TextIO) -> str:
    """Long lines broken between words on a terminal, indented below their beginning; left alone elsewhere."""
    if not stream.isatty():
        return text
    width = get_terminal_size().columns
    indents = [" " * (len(line) - len(line.lstrip()) + 4) for line in text.splitlines()]
    lines = [_broken(line, width, indent) for line, indent in zip(text.splitlines(), indents, strict=True)]
    return "\n".join("\n".join(pieces) for pieces in lines)


def _broken(line: str, width: int, indent: str = "") -> list[str]:
    """A line in pieces of ``width``; paths and commands' words stay whole, to be copied."""
    return wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print rows under their headings; columns named in ``right`` are aligned right, as numbers are."""
    if is_terminal():
        _rich(columns, rows, right)
    else:
        print(plain(columns, rows, right))


def facts(lines: Mapping[str, str]) -> None:
    """Print what is known by topic, topics in a column; long lines go on below their beginning."""
    width = max(map(len, lines), default=0) + 3
    room = get_terminal_size().columns - width - 2 if is_terminal() else 10_000
    for topic, text in lines.items():
        first, *rest = [part for line in text.splitlines() for part in _broken(line, max(room, 30))]
        print(f"  {bold(topic)}{' ' * (width - len(topic))}{first}")
        for line in rest:
            print(f"  {' ' * width}{line}")


def plain(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """The table as aligned text, two spaces between columns, nothing cut."""
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *rows, strict=True)]
    aligned = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        for row in (columns, *rows)
    ]
    return "\n".join(aligned)


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        drawn.add_column(
            column,
            justify="right" if column in right else "left",
            style="cyan" if index == 0 else "",
            overflow="fold",
            no_wrap=index == 0 or column in right,
        )
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(drawn)
