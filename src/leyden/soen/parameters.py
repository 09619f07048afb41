"""One parameter of a layer: where its first values come from, the box it stays in, whether it is trained."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from leyden.spec.errors import shown

from .frozen import Frozen, Switch, mended, one_of, ordered, under, whole

#: what files of the original have as text, since YAML 1.1 does not take `1e-3` for a number
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?e[-+]?\d+", re.IGNORECASE)

#: log parameters and logarithmic distributions start here
FLOOR = 1e-10


class Box(Frozen):
    """Smallest and largest value, either may be open.

    Args:
        min: Smallest value.
        max: Largest value.
    """

    min: Annotated[float, Field(allow_inf_nan=True)] | None = None
    max: Annotated[float, Field(allow_inf_nan=True)] | None = None

    @field_validator("min", "max")
    @classmethod
    def _open(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None or math.isfinite(value):
            return value
        if value != {"min": -math.inf, "max": math.inf}[str(info.field_name)]:
            raise ValueError(f"must be a number, but got {value}; leave it out where there is no bound")
        return None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        ordered(self.min, self.max)
        return self

    def within(self, other: Box) -> Box:
        """The values that both boxes allow."""
        low = [b.min for b in (self, other) if b.min is not None]
        high = [b.max for b in (self, other) if b.max is not None]
        return Box.model_construct(min=max(low) if low else None, max=min(high) if high else None)

    @property
    def empty(self) -> bool:
        """Whether it allows nothing, as what two boxes have in common may."""
        return self.min is not None and self.max is not None and self.min > self.max

    def touches(self, low: float, high: float) -> bool:
        """Whether any value from ``low`` to ``high`` is allowed."""
        return (self.min is None or high >= self.min) and (self.max is None or low <= self.max)

    def __str__(self) -> str:
        low = [] if self.min is None else [f"at least {self.min:g}"]
        high = [] if self.max is None else [f"at most {self.max:g}"]
        return " and ".join(low + high) or "any number"


OPEN = Box()


@dataclass(frozen=True)
class Rule:
    """What the equations ask of a parameter: stored as a logarithm or not, and the box it never leaves."""

    log: bool = False
    box: Box = OPEN


class Distribution(Frozen):
    """Where first values come from. Every distribution can repeat itself in blocks.

    Args:
        block_size: How many neighbouring nodes share a value (`shared`), or how many values are repeated
            (`tiled`).
        block_mode: `shared`: a, a, b, b; `tiled`: a, b, a, b.
    """

    name: ClassVar[str]
    block_size: Annotated[int, Field(ge=1)] = 1
    block_mode: Literal["shared", "tiled"] = "shared"

    @property
    def ends(self) -> tuple[float, float] | None:
        """Smallest and largest value; None where there are none."""
        return None


class Constant(Distribution):
    """The same value everywhere.

    Args:
        value: The value; the layer's own default where absent.
    """

    name = "constant"
    value: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        return None if self.value is None else (self.value, self.value)


class Normal(Distribution):
    """Gaussian.

    Args:
        mean: Mean.
        std: Standard deviation.
    """

    name = "normal"
    mean: float = 0.0
    std: Annotated[float, Field(ge=0)] = 0.01


class Range(Distribution):
    """What goes from one value to another.

    Args:
        min: Smallest value.
        max: Largest value.
    """

    logarithmic: ClassVar[bool] = False
    falling: ClassVar[bool] = False  # whether the first value may be above the last
    min: float = 0.0
    max: float = 1.0

    @model_validator(mode="after")
    def _ordered(self, info: ValidationInfo) -> Self:
        if self.logarithmic and self.min < 0 and not mended(info, f"min {self.min:g} for {FLOOR:g}"):
            raise ValueError(f"min of a logarithm must be above 0, but got {self.min:g}")
        if self.falling or (self.min > self.max and self.logarithmic and mended(info, f"max {self.max:g}")):
            return self
        ordered(self.min, self.max)
        return self

    @property
    def ends(self) -> tuple[float, float] | None:
        return min(self.min, self.max), max(self.min, self.max)


class Uniform(Range):
    """Uniform between two values."""

    name = "uniform"


class LogNormal(Distribution):
    """The exponential of a Gaussian.

    Args:
        mean: Mean of the logarithm.
        std: Standard deviation of the logarithm.
    """

    name = "lognormal"
    mean: float = 0.0
    std: Annotated[float, Field(ge=0)] = 1.0


class LogUniform(Range):
    """Uniform in the logarithm.

    Args:
        min: Smallest value, at least 1e-10.
    """

    name = "loguniform"
    logarithmic = True
    min: float = FLOOR


class Linear(Range):
    """Equally spaced over the nodes, from `min` at the first to `max` at the last."""

    name = "linear"
    falling = True


class LogLinear(Range):
    """Equally spaced over the nodes in the logarithm.

    Args:
        min: Value of the first node, at least 1e-10.
    """

    name = "loglinear"
    logarithmic = True
    min: float = FLOOR


class FanOut(Distribution):
    """What an inductance divided over the connections that leave a node gives: 1/(beta_L fan-out).

    Args:
        inductance_per_fan: Inductance in H for each connection.
        node_fan_outs: Fan-out of each node, 0 counts as 1; counted from the connections where absent.
    """

    name = "fan_out"
    inductance_per_fan: Annotated[float, Field(gt=0)] = 5e-10
    node_fan_outs: list[Annotated[int, BeforeValidator(whole), Field(ge=0)]] | None = None


DISTRIBUTIONS: dict[str, type[Distribution]] = {
    d.name: d for d in (Constant, Normal, Uniform, LogNormal, LogUniform, Linear, LogLinear, FanOut)
}


#: keys of a parameter, beside those that are its own
FORMS = ("value", "distribution", "params")


def _constant(value: Any) -> Constant:
    """A constant of what a file has; ValueError where it is no finite number."""
    try:
        return Constant.model_validate({"value": value if isinstance(value, bool | str) else float(value)})
    except (ValidationError, OverflowError, TypeError):
        raise ValueError(f"must be a finite number, but got {shown(value)}") from None


class Parameter(Frozen):
    """One parameter of a layer, from a number, ``{value: v}`` or ``{distribution: name, params: {...}}``.

    Args:
        distribution: Where the first values come from.
        constraints: The box the values stay in, in place of the layer's own.
        learnable: Whether it is trained; true where neither this nor the layer's `learnable_params` says
            otherwise.
    """

    distribution: SerializeAsAny[Distribution] = Constant()
    constraints: Box | None = None
    learnable: Switch | None = None

    @model_validator(mode="before")
    @classmethod
    def _forms(cls, data: Any, info: ValidationInfo) -> Any:
        if isinstance(data, str) and NUMBER.fullmatch(data.strip()):
            data = float(data)
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return {"distribution": _constant(data)}
        if not isinstance(data, Mapping):
            return data
        tree = {k: v for k, v in cast(Mapping[str, Any], data).items() if v is not None or k not in FORMS}
        if isinstance(tree.get("distribution"), Distribution):
            return tree
        if "value" in tree:
            if "distribution" in tree:
                raise ValueError("takes either `value` or `distribution`, not both")
            with under("value"):
                tree["distribution"] = _constant(tree.pop("value"))
        elif "distribution" in tree:
            with under("distribution"):
                kind = one_of(tree["distribution"], DISTRIBUTIONS, "a distribution")
            with under("params"):
                tree["distribution"] = kind.model_validate(tree.pop("params", None), context=info.context)
        return tree

    @model_serializer
    def _written(self) -> Any:
        d = self.distribution
        tree: dict[str, Any]
        if isinstance(d, Constant) and d.block_size == 1 and d.value is not None:
            if self.constraints is None and self.learnable is None:
                return d.value
            tree = {"value": d.value}
        else:
            tree = {"distribution": d.name, "params": d.model_dump(exclude_defaults=True)}
        if self.constraints is not None:
            tree["constraints"] = self.constraints.model_dump()
        if self.learnable is not None:
            tree["learnable"] = self.learnable
        return tree


def number(value: float) -> Parameter:
    """A parameter that starts at ``value`` everywhere."""
    return Parameter(distribution=Constant(value=value))
