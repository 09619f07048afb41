"""Every initialiser of connection weights. The numbers are drawn in ``soen/torch/weights.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from leyden.spec.unions import OneOf

from .array_file import ArrayFile
from .frozen import Frozen, one_of, ordered, settings_beside, unsaid

Std = Annotated[float, Field(ge=0)]


class Initialiser(Frozen):
    """What every initialiser has in common."""

    name: ClassVar[str]
    random: ClassVar[bool] = True  # whether every weight that exists is drawn


class Normal(Initialiser):
    """Gaussian.

    Args:
        mean: Mean.
        std: Standard deviation.
    """

    name = "normal"
    mean: float = 0.0
    std: Std = 0.1


class Uniform(Initialiser):
    """Uniform between two values.

    Args:
        min: Smallest value; `a` means the same.
        max: Largest value; `b` means the same.
    """

    name = "uniform"
    min: float = -0.24
    max: float = 0.24

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        tree = dict(cast(Mapping[str, Any], data))
        for short, name in (("a", "min"), ("b", "max")):
            if short in tree and name not in tree:
                tree[name] = tree.pop(short)
        return tree

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        ordered(self.min, self.max)
        return self


class Linear(Initialiser):
    """Equally spaced over all entries, row by row.

    Args:
        min: First entry.
        max: Last entry.
    """

    name = "linear"
    random = False
    min: float = 0.0
    max: float = 1.0


class XavierNormal(Initialiser):
    """Gaussian with variance 2 gain^2 / (fan-in + fan-out).

    Args:
        gain: Factor.
    """

    name = "xavier_normal"
    gain: float = 1.0


class XavierUniform(XavierNormal):
    """Uniform with the variance of `xavier_normal`."""

    name = "xavier_uniform"


#: what may follow a layer
GAINS = ("relu", "leaky_relu", "tanh", "linear", "sigmoid")


class KaimingNormal(Initialiser):
    """Gaussian with variance G^2 / fan-in, G from the nonlinearity that follows.

    Args:
        nonlinearity: What follows.
        a: Negative slope of `leaky_relu`.
    """

    name = "kaiming_normal"
    nonlinearity: Literal["relu", "leaky_relu", "tanh", "linear", "sigmoid"] = "relu"
    a: float = 0.0

    @field_validator("nonlinearity", mode="before")
    @classmethod
    def _known(cls, value: Any, info: ValidationInfo) -> Any:
        mended = (info.context or {}).get("mended")
        if mended is None or not isinstance(value, str) or value in GAINS:
            return value
        mended.append(f"nonlinearity {value!r} for 'linear'")
        return "linear"


class KaimingUniform(KaimingNormal):
    """Uniform with the variance of `kaiming_normal`."""

    name = "kaiming_uniform"


class Orthogonal(Initialiser):
    """A random orthogonal matrix.

    Args:
        gain: Factor.
    """

    name = "orthogonal"
    gain: float = 1.0


class Constant(Initialiser):
    """The same value everywhere.

    Args:
        value: The value.
    """

    name = "constant"
    random = False
    value: float = 1.0


class FluxBalanced(Initialiser):
    """Weights with which all inputs together bring a node to a wanted flux.

    Args:
        phi_exc_target: That flux.
        num_input_sources: Layers that share it; counted where absent or `auto`.
        mean_state: State that source nodes have on average.
        noise_std: Standard deviation of what is added.
    """

    name = "flux_balanced"
    random = False
    phi_exc_target: float = 0.27
    num_input_sources: Annotated[Annotated[int, Field(ge=1)] | Literal["auto"] | None, OneOf()] = None
    mean_state: Annotated[float, Field(gt=0)] = 1.0
    noise_std: Std = 0.0

    def shares(self, counted: int) -> int:
        """How many layers share the flux, where so many connections lead into the target layer."""
        return self.num_input_sources if isinstance(self.num_input_sources, int) else counted


class Custom(Initialiser):
    """Weights from a `.npy` file or a `.npz` file with the key `weights`, shape (to, from).

    Args:
        weights_file: The file.
    """

    name = "custom"
    random = False
    weights_file: ArrayFile


INITIALISERS: dict[str, type[Initialiser]] = {
    i.name: i
    for i in (
        Normal,
        Uniform,
        Linear,
        XavierNormal,
        XavierUniform,
        KaimingNormal,
        KaimingUniform,
        Orthogonal,
        Constant,
        FluxBalanced,
        Custom,
    )
}


def _named(word: Any) -> str:
    return one_of(word, INITIALISERS, "an initialiser").name


class Init(Frozen):
    """An initialiser with its settings, written ``{name: uniform, params: {min: -0.1, max: 0.1}}``.

    Args:
        name: Name of the initialiser.
        params: Its settings.
    """

    name: Annotated[str, BeforeValidator(_named)] = "normal"
    params: SerializeAsAny[Initialiser] = Field(default_factory=unsaid)

    @model_validator(mode="before")
    @classmethod
    def _form(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @field_validator("params", mode="before")
    @classmethod
    def _of_name(cls, value: Any, info: ValidationInfo) -> Any:
        return settings_beside("name", value, Initialiser, INITIALISERS, info)

    @property
    def initialiser(self) -> Initialiser:
        """The initialiser."""
        return self.params

    @model_serializer
    def _written(self) -> dict[str, Any]:
        return {"name": self.initialiser.name, "params": self.initialiser.model_dump(exclude_none=True)}
