"""Names that older files of the original have for what has another name today."""

from __future__ import annotations

import re

LOOP = re.compile(r"^(connections\.)?internal_(\d+)$")
INTERNAL = re.compile(r"^(layers\.\d+)\.internal_J$")


def modern(name: str) -> str:
    """The name of a connection or a number today: ``internal_1`` is ``J_1_to_1``."""
    name = LOOP.sub(lambda found: f"{found[1] or ''}J_{found[2]}_to_{found[2]}", name)
    return INTERNAL.sub(r"\1.connectivity.weight", name)
