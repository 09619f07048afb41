"""One parameter of a layer: where its first values come from, the box it stays in, whether it is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_serializer, model_validator

from .frozen import Frozen, Switch, one_of

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
    def _open(cls, value: float | None) -> float | None:
        return None if value in (float("inf"), float("-inf")) else value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max, but got {self.min} and {self.max}")
        return self

    def within(self, other: Box) -> Box:
        """The values that both boxes allow."""
        low = [b.min for b in (self, other) if b.min is not None]
        high = [b.max for b in (self, other) if b.max is not None]
        return Box.model_construct(min=max(low) if low else None, max=min(high) if high else None)


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


class Constant(Distribution):
    """The same value everywhere.

    Args:
        value: The value; the layer's own default where absent.
    """

    name = "constant"
    value: float | None = None


class Normal(Distribution):
    """Gaussian.

    Args:
        mean: Mean.
        std: Standard deviation.
    """

    name = "normal"
    mean: float = 0.0
    std: Annotated[float, Field(ge=0)] = 0.01


class Uniform(Distribution):
    """Uniform between two values.

    Args:
        min: Smallest value.
        max: Largest value.
    """

    name = "uniform"
    min: float = 0.0
    max: float = 1.0


class LogNormal(Distribution):
    """The exponential of a Gaussian.

    Args:
        mean: Mean of the logarithm.
        std: Standard deviation of the logarithm.
    """

    name = "lognormal"
    mean: float = 0.0
    std: Annotated[float, Field(ge=0)] = 1.0


class LogUniform(Distribution):
    """Uniform in the logarithm.

    Args:
        min: Smallest value, at least 1e-10.
        max: Largest value.
    """

    name = "loguniform"
    min: float = FLOOR
    max: float = 1.0


class Linear(Distribution):
    """Equally spaced over the nodes.

    Args:
        min: Value of the first node.
        max: Value of the last node.
    """

    name = "linear"
    min: float = 0.0
    max: float = 1.0


class LogLinear(Distribution):
    """Equally spaced over the nodes in the logarithm.

    Args:
        min: Value of the first node, at least 1e-10.
        max: Value of the last node.
    """

    name = "loglinear"
    min: float = FLOOR
    max: float = 1.0


class FanOut(Distribution):
    """What an inductance divided over the connections that leave a node gives: 1/(beta_L fan-out).

    Args:
        inductance_per_fan: Inductance in H for each connection.
        node_fan_outs: Fan-out of each node; counted from the connections where absent.
    """

    name = "fan_out"
    inductance_per_fan: Annotated[float, Field(gt=0)] = 5e-10
    node_fan_outs: list[float] | None = None


DISTRIBUTIONS: dict[str, type[Distribution]] = {
    d.name: d for d in (Constant, Normal, Uniform, LogNormal, LogUniform, Linear, LogLinear, FanOut)
}


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
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return {"distribution": Constant(value=float(data))}
        if isinstance(data, str) and NUMBER.fullmatch(data.strip()):
            return {"distribution": Constant(value=float(data))}
        if not isinstance(data, Mapping):
            return data
        tree = dict(cast(Mapping[str, Any], data))
        if isinstance(tree.get("distribution"), Distribution):
            return tree
        if "value" in tree:
            if "distribution" in tree:
                raise ValueError("takes either `value` or `distribution`, not both")
            tree["distribution"] = Constant(value=tree.pop("value"))
        elif "distribution" in tree:
            kind = one_of(tree["distribution"], DISTRIBUTIONS, "a distribution")
            tree["distribution"] = kind.model_validate(tree.pop("params", None) or {}, context=info.context)
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
