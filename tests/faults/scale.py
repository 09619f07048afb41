"""How much of a fault test is run: a short seeded selection, or with ``FAULTS=full`` the whole count."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

FULL = os.environ.get("FAULTS") == "full"
SEED = int(os.environ.get("FAULTS_SEED", "2026"))


def count(short: int, full: int) -> int:
    """Trials of a test; ``FAULTS_COUNT`` overrules both."""
    return int(os.environ.get("FAULTS_COUNT", full if FULL else short))


def chance(*words: object) -> random.Random:
    """A generator that depends on the seed and on ``words`` alone."""
    return random.Random(f"{SEED} {words}")


def figures(name: str, **found: object) -> str:
    """The one line that a fault test prints."""
    return f"\nfaults/{name}: " + ", ".join(f"{key} {_said(value)}" for key, value in found.items())


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {number}" for key, number in sorted(value.items())) + ")"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
