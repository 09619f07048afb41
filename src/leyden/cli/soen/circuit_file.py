"""The words that every command on a circuit file takes."""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from leyden.soen.saved import Saved


def arguments(parser: ArgumentParser) -> None:
    """The circuit, and how to read it."""
    parser.add_argument("circuit", type=Path, metavar="CIRCUIT", help="a .yaml, .json, .soen or .pth file")
    parser.add_argument(
        "--compat",
        action="append",
        metavar="ITEM",
        help="a quirk of the original to bring back; soen: all",
    )


def files(path: Path, saved: Saved) -> list[Path]:
    """A circuit's file and all that may be read with it: what it names, and the rate table beside it."""
    from leyden.soen.files import TABLE_BESIDE

    return [path, path.with_name(TABLE_BESIDE), *_named(saved.circuit.tree())]


def _named(tree: Any) -> Iterator[Path]:
    """Files that a description names, under `weights_file` and the like."""
    if isinstance(tree, Mapping):
        for key, value in cast("Mapping[str, Any]", tree).items():
            if key.endswith("_file") and value:
                yield Path(value)
            yield from _named(value)
    elif isinstance(tree, list | tuple):
        for value in cast("list[Any]", tree):
            yield from _named(value)


@contextmanager
def warnings_told() -> Generator[None]:
    """A line on stderr for each warning, without Python's place and source."""

    def told(message: Warning | str, *place: object) -> None:
        print(f"warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = told
        yield
