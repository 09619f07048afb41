"""What calls of this room take: a wrong argument is told as plainly as a wrong file."""

from __future__ import annotations

from typing import Any

from leyden.spec.errors import shown

from .problems import CircuitError

#: what can be told in a word; of anything else its type is told
WORDS = (str, bytes, int, float, complex, type(None))


def expect(value: Any, kinds: tuple[type, ...], rule: str) -> None:
    """Refuse an argument of another type.

    Args:
        value: The argument.
        kinds: Types that are right.
        rule: What it must be, and how to come by it.

    Raises:
        CircuitError: It is of none of these types.
    """
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        told = shown(value) if isinstance(value, WORDS) else f"a {type(value).__name__}"
        raise CircuitError([f"{rule}, but got {told}"], "the call")
