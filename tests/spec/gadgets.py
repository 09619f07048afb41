"""A small kind of parts with every sort of setting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from leyden.spec.durations import Duration
from leyden.spec.parts import Kind

GADGET = Kind("gadget")


@GADGET.contract
class Gadget:
    """Annotation for signatures that take any gadget."""


@GADGET("bolt", runs_on=("torch",))
@dataclass(frozen=True, kw_only=True)
class Bolt(Gadget):
    """Holds things together.

    Args:
        size: How long it is,
            in millimetres.
        copy: A name that pydantic's models use themselves.

    Example:
        {type: bolt, size: 3}
    """

    size: Annotated[float, Field(gt=0)] = 1.0
    copy: int = 0


@GADGET("engine")
class Engine(Gadget):
    """Moves.

    Args:
        bolts: What holds it together.
        fuel: What it burns.
    """

    def __init__(
        self, *, bolts: list[Gadget], fuel: Literal["petrol", "diesel", "hydrogen"] = "petrol"
    ) -> None:
        self.bolts, self.fuel = bolts, fuel


@GADGET("everything")
class Everything(Gadget):
    """Has a setting of every sort.

    Args:
        whole: An integer.
        real: A number.
        flag: A truth.
        word: A text.
        shape: Two integers.
        path: A path.
        length: A duration.
        devices: A number of devices or a word.
        speed: A number or a gadget.
        parts: Gadgets by name.
        maybe: Perhaps a gadget.
        bounded: A number, not negative.
    """

    def __init__(
        self,
        *,
        whole: int = 1,
        real: float = 1.0,
        flag: bool = False,
        word: str = "word",
        shape: tuple[int, int] = (1, 2),
        path: Path | None = None,
        length: Duration | None = None,
        devices: int | Literal["auto"] | Duration = "auto",
        speed: float | Gadget = 1.0,
        parts: dict[str, Gadget] | None = None,
        maybe: Gadget | None = None,
        bounded: Annotated[int | float | None, Field(ge=0)] = None,
    ) -> None:
        self.settings: dict[str, Any] = {k: v for k, v in locals().items() if k != "self"}


@GADGET("waiting")
def waiting(holder: list[Any], extra: int = 0, /, *, tag: str = "none") -> tuple[list[Any], int, str]:
    """Needs something that only the program has.

    Args:
        tag: A word of its own.
    """
    return holder, extra, tag


@GADGET("keeper")
def keeper(*, kept: Gadget) -> Any:
    """Holds one that waits.

    Args:
        kept: The gadget.
    """
    return kept


@GADGET("rare", requires=("a_package_that_nobody_has",), extra="rare")
def rare() -> None:
    """Needs a package that is not installed."""
