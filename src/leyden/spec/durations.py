"""Durations carry their unit: ``500 steps``, ``10 epochs``, ``50 %``, ``30 min``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .nearest import nearest

Unit = Literal["steps", "epochs", "%", "s", "min", "h", "d"]

SECONDS: dict[Unit, int] = {"s": 1, "min": 60, "h": 3600, "d": 86400}

#: every accepted spelling of a unit
SPELLINGS: dict[str, Unit] = {
    "step": "steps", "steps": "steps", "epoch": "epochs", "epochs": "epochs", "%": "%", "percent": "%",
    "s": "s", "sec": "s", "seconds": "s", "min": "min", "minutes": "min",
    "h": "h", "hours": "h", "d": "d", "days": "d",
}  # fmt: skip

PATTERN = r"^\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(" + "|".join(sorted(SPELLINGS, reverse=True)) + r")\s*$"


@dataclass(frozen=True)
class Duration:
    """A length of a run, or a distance between two things that recur in it.

    Args:
        value: How many; not negative, and whole where the unit is ``steps``.
        unit: ``steps``, ``epochs``, ``%`` (of the whole run), ``s``, ``min``, ``h`` or ``d``.
    """

    value: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration:
        """From text such as ``500 steps``; anything else is a ValueError that says what to write."""
        found = re.match(PATTERN, text)
        if found is None:
            raise ValueError(
                "a duration needs a number and a unit, such as `500 steps`, `1 epoch`, `5 %` or `30 min`"
            )
        duration = cls(float(found[1]), SPELLINGS[found[2]])
        if duration.unit == "steps" and duration.value != int(duration.value):
            raise ValueError("a number of steps must be whole")
        return duration

    @property
    def is_time(self) -> bool:
        """Whether a clock measures it."""
        return self.unit in SECONDS

    def steps(self, total: int, per_epoch: int) -> int:
        """Optimizer steps, to the nearest one, in a run of ``total`` steps with ``per_epoch`` steps an epoch.

        Raises:
            ValueError: if a clock measures this duration.
        """
        if self.is_time:
            raise ValueError(f"`{self}` is measured by a clock and has no number of steps")
        return round(self.value * {"steps": 1, "epochs": per_epoch, "%": total / 100}[self.unit])

    def seconds(self) -> float:
        """Seconds.

        Raises:
            ValueError: if this duration is counted in steps.
        """
        if not self.is_time:
            raise ValueError(f"`{self}` is counted in steps and has no number of seconds")
        return self.value * SECONDS[self.unit]

    def __str__(self) -> str:
        number = str(int(self.value)) if self.value == int(self.value) else repr(self.value)
        unit = self.unit[:-1] if self.value == 1 and self.unit in ("steps", "epochs") else self.unit
        return f"{number} {unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _checked, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": PATTERN, "examples": ["500 steps", "1 epoch", "5 %", "30 min"]}


def _checked(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    try:
        return Duration.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        near, hint = "", ""
        if isinstance(value, str):
            near = _nearest(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            hint = f"write `{value} steps` or `{value} epochs`"
        context = {"rule": str(error), "near": near, "hint": hint}
        raise PydanticCustomError("duration", "{rule}", context) from None


def _nearest(text: str) -> str:
    """The same number with the nearest unit; for a bare number nothing, the unit is the user's choice."""
    found = re.match(r"^\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(\S+)\s*$", text)
    unit = nearest(found[2], SPELLINGS) if found else ""
    return str(Duration(float(found[1]), SPELLINGS[unit])) if found and unit else ""
