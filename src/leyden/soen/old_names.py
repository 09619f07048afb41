"""Names that older files of the original have for what has another name today."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leyden.spec.document import Path

LOOP = re.compile(r"^(connections\.)?internal_(\d+)$")
INTERNAL = re.compile(r"^(layers\.\d+)\.internal_J$")

#: names that `connection_params` had
OLD_BLOCKS = ("dynamic", "multiplier")


def modern(name: str) -> str:
    """The name of a connection or a number today: ``internal_1`` is ``J_1_to_1``."""
    name = LOOP.sub(lambda found: f"{found[1] or ''}J_{found[2]}_to_{found[2]}", name)
    return INTERNAL.sub(r"\1.connectivity.weight", name)


def spellings(path: Path) -> Iterator[Path]:
    """A key as it is called today, then where older layouts of a description have it."""
    yield path
    if path[:1] == ("simulation",):
        yield ("sim_config", *path[1:])
    if path[2:3] != ("params",):
        return
    if path[4:5] == ("params",):  # settings of pattern and initialiser, side by side
        yield (*path[:3], *path[5:])
    if path[3:4] == ("connection_params",):
        yield from ((*path[:3], old, *path[4:]) for old in OLD_BLOCKS)
