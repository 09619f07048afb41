"""The source functions g(phi, I) by name, and what the checks need to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from .frozen import one_of


@dataclass(frozen=True)
class Source:
    """One source function.

    Args:
        uses_current: Whether g depends on the current through the interferometer, hence on the state.
        table: Whether g is looked up in a rate table.
    """

    uses_current: bool = False
    table: bool = False


SOURCES = {
    "Tanh": Source(),
    "Telu": Source(),
    "SimpleGELU": Source(),
    "ReLU": Source(),
    "TanhGauss1p7IBFit": Source(uses_current=True),
    "Heaviside_state_dep": Source(uses_current=True),
    "RateArray": Source(uses_current=True, table=True),
}

ALIASES = {"Heaviside_fit_state_dep": "Heaviside_state_dep"}


def _named(value: Any) -> Any:
    name = ALIASES.get(value, value) if isinstance(value, str) else value
    one_of(name, SOURCES, "a source function")
    return name


SourceName = Annotated[str, BeforeValidator(_named)]
