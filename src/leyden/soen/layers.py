"""Every kind of layer: its parameters, their defaults and boxes. The equations are under ``soen/torch``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from leyden.spec.unions import OneOf

from .disturbance import Noise, Perturbation
from .frozen import Fault, Frozen, Number, Switch, contradictions, mended, one_of
from .parameters import Box, Parameter, Rule, number
from .polarity import Polarity
from .sources import SourceName
from .units import DEFAULT, convert

#: a layer beyond this is a slip of the pen: even its parameters would not fit
MOST_NODES = 10**7

Positive = Annotated[Parameter, Rule(box=Box(min=0.0))]
Log = Annotated[Parameter, Rule(log=True, box=Box(min=0.0))]
Solver = Annotated[
    Literal["FE", "PS", "PARARNN"], Field(description="forward Euler, parallel scan, Newton with scan")
]

#: 1/beta_L of the default inductance at fan-out 1
GAMMA_PLUS = convert(5e-10, "L", "gamma_plus", DEFAULT)


class LayerParams(Polarity):
    """What every kind of layer can be given.

    Args:
        dim: Number of nodes.
        learnable_params: Trained or not, by the name of a parameter.
        solver: How the equation is integrated in time.
    """

    internal: ClassVar[bool] = False  # whether a self connection acts
    timed: ClassVar[bool] = False  # whether the time step is part of the equation
    weights: ClassVar[tuple[str, ...]] = ()  # names of trained matrices and biases besides the parameters
    solvers: ClassVar[tuple[str, ...]] = ("FE",)

    dim: Annotated[Number, Field(ge=1, le=MOST_NODES)]
    learnable_params: dict[str, Switch] = Field(default_factory=dict[str, bool])
    solver: Solver = "FE"

    @field_validator("solver", mode="before")
    @classmethod
    def _known_solver(cls, value: Any) -> Any:
        word = value.upper() if isinstance(value, str) else value
        return one_of(word, dict.fromkeys(cls.solvers), f"the solver of a {cls.__name__} layer") or word

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        faults = [
            *self._unknown_learnable(),
            *(
                f
                for f in self._contradictory()
                if not mended(info, f"{'.'.join(map(str, f[0]))} though it {f[1]}")
            ),
        ]
        if faults:
            raise contradictions(faults)
        return self

    def _unknown_learnable(self) -> Iterator[Fault]:
        for name in self.learnable_params:
            try:
                one_of(name, dict.fromkeys(self.trainable_names()), "a name in learnable_params")
            except ValueError as error:
                yield ("learnable_params", name), str(error)

    def _contradictory(self) -> Iterator[Fault]:
        """Settings that are overruled: trained or not, and values that leave their box."""
        for name, rule in self.rules().items():
            parameter = self.parameter(name)
            said = {n: self.learnable_params[n] for n in (f"log_{name}", name) if n in self.learnable_params}
            if len({parameter.learnable, *said.values()} - {None}) > 1:
                yield (
                    ("learnable_params", next(iter(said))),
                    f"must agree with what else is said of {name}; say it once",
                )
            ends = parameter.distribution.ends
            if self.box(name).empty:
                yield (name, "constraints"), f"must allow a value that the equations do: {rule.box}"
            elif ends and not rule.box.touches(*ends):
                yield (
                    (name,),
                    f"must be {rule.box}, but got {ends[0]:g}" + (f" to {ends[1]:g}" * (ends[0] < ends[1])),
                )

    @classmethod
    @cache
    def rules(cls) -> dict[str, Rule]:
        """Parameter -> what the equations ask of it, in the order of definition."""
        return {
            name: next((m for m in field.metadata if isinstance(m, Rule)), Rule())
            for name, field in cls.model_fields.items()
            if field.annotation is Parameter
        }

    @classmethod
    def trainable_names(cls) -> list[str]:
        """Every name that ``learnable_params`` may hold."""
        names = [
            stored
            for name, rule in cls.rules().items()
            for stored in ([f"log_{name}"] if rule.log else []) + [name]
        ]
        own = ["connectivity.weight"] if cls.internal else []
        return names + list(cls.weights) + own

    @classmethod
    def disturbable(cls) -> list[str]:
        """What noise and perturbation can act on."""
        own = ["phi", "g", "s"] if "source_func" in cls.model_fields else ["phi", "s"]
        return [*own, *cls.rules()]

    def parameter(self, name: str) -> Parameter:
        """The parameter under its name, a value for certain: the kind's default where none was given."""
        given: Parameter = getattr(self, name)
        distribution = given.distribution
        if getattr(distribution, "value", 0.0) is None:
            default = type(self).model_fields[name].default.distribution
            distribution = distribution.model_copy(update={"value": default.value})
            return given.model_copy(update={"distribution": distribution})
        return given

    def box(self, name: str) -> Box:
        """The box of a parameter: the user's where given, always within what the equations ask."""
        rule, given = self.rules()[name], self.parameter(name).constraints
        return rule.box if given is None else given.within(rule.box)


class SingleDendrite(LayerParams):
    """Leaky integrator: s' = gamma_plus g(phi + phi_offset, bias_current - s) - gamma_minus s."""

    internal = True
    timed = True
    solvers = ("FE", "PS", "PARARNN")

    source_func: SourceName = "RateArray"
    phi_offset: Parameter = number(0.23)
    bias_current: Positive = number(1.7)
    gamma_plus: Log = number(GAMMA_PLUS)
    gamma_minus: Log = number(0.001)


class Soma(SingleDendrite):
    """A dendrite whose output is a spike where its state is above `threshold`.

    Args:
        threshold: State above which the output is 1, otherwise 0.
        surrogate_width: Half base of the triangle that stands for the spike's derivative.
        surrogate_scale: Its area.
    """

    solvers = ("FE",)

    threshold: Parameter = number(0.5)
    surrogate_width: Annotated[float, Field(gt=0)] = 1.0
    surrogate_scale: Annotated[float, Field(gt=0)] = 1.0


class MultiplierWICC(LayerParams):
    """Multiplier with collection coil: the difference of two source functions, integrated like a dendrite."""

    internal = True
    timed = True

    source_func: SourceName = "RateArray"
    phi_y: Parameter = number(0.1)
    bias_current: Positive = number(2.0)
    gamma_plus: Log = number(GAMMA_PLUS)
    gamma_minus: Log = number(GAMMA_PLUS)


class MultiplierNOCC(LayerParams):
    """Multiplier without collection coil: two arms s1, s2 and their common output m, the layer's state."""

    internal = True
    timed = True

    source_func: SourceName = "RateArray"
    phi_y: Parameter = number(0.1)
    bias_current: Positive = number(2.1)
    alpha: Positive = number(1.64053)
    beta: Positive = number(303.85)
    beta_out: Positive = number(91.156)


class Readout(LayerParams):
    """Source function without memory: y = g(phi + phi_offset, bias_current)."""

    source_func: SourceName = "RateArray"
    phi_offset: Parameter = number(0.0)
    bias_current: Positive = number(1.7)


class NonLinear(Readout):
    """Source function without memory, hyperbolic tangent where nothing is said."""

    source_func: SourceName = "Tanh"


class Linear(LayerParams):
    """y = phi. The usual first layer."""


class ScalingLayer(LayerParams):
    """y = scale_factor phi."""

    scale_factor: Parameter = number(1.0)


class Softmax(LayerParams):
    """y = softmax(beta phi) over the nodes."""

    beta: Annotated[Parameter, Rule(box=Box(min=0.01))] = number(1.0)


class Synapse(LayerParams):
    """Leaky average: y' = alpha y + (1 - alpha) phi."""

    alpha: Annotated[Parameter, Rule(box=Box(min=0.0, max=1.0))] = number(0.9)


CELL = tuple(
    f"{m}.{n}_l0" for m in ("module", "core") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
)


class RNN(LayerParams):
    """s' = tanh(W_ih phi + b_ih + W_hh s + b_hh)."""

    internal = True
    weights = CELL


class GRU(LayerParams):
    """Gated recurrent unit, gates in the order r, z, n."""

    internal = True
    weights = CELL


class LSTM(LayerParams):
    """Long short-term memory, gates in the order i, f, g, o."""

    internal = True
    weights = CELL


class MinGRU(LayerParams):
    """s' = (1 - z) s + z tanh(W_hidden phi), z = sigmoid(W_gate phi)."""

    internal = True
    weights = ("hidden_proj.weight", "gate_proj.weight")


class LeakyGRU(LayerParams):
    """GRU with a fixed reset gate and one time constant a node: h' = z h + (1 - z) n.

    Args:
        reset_bias: The reset gate is sigmoid(reset_bias).
        tau_init: First time constant: one for all, [smallest, largest], or one a node.
        tau_spacing: How time constants between smallest and largest are spaced.
        tau_eps: Time constants start at least this long.
        candidate_diag: Diagonal of the recurrent matrix: held at zero, held at one, or free.
        train_alpha: Whether the time constants are trained.
    """

    internal = True
    weights = ("core.weight_ih", "core.weight_hh", "core.bias_z", "core.bias_n")

    decay_bias: Parameter = Parameter()
    candidate_bias: Parameter = Parameter()
    reset_bias: float = 10.0
    tau_init: Annotated[float | list[float], OneOf()] = 20.0
    tau_spacing: Literal["geometric", "linear"] = "geometric"
    tau_eps: Annotated[float, Field(gt=0)] = 1e-3
    candidate_diag: Literal["zero", "one", "free"] = "zero"
    train_alpha: Switch = True

    @field_validator("tau_init")
    @classmethod
    def _above_zero(cls, value: float | list[float], info: ValidationInfo) -> float | list[float]:
        given = value if isinstance(value, list) else [value]
        if min(given, default=1.0) <= 0 and not mended(info, f"tau_init {min(given):g} for tau_eps"):
            raise ValueError(f"must be above 0, but got {min(given):g}")
        return value


#: layer_type -> its parameters; several names for one kind where files of the original have them
KINDS: dict[str, type[LayerParams]] = {
    "SingleDendrite": SingleDendrite,
    "Soma": Soma,
    "MultiplierWICC": MultiplierWICC,
    "Multiplier": MultiplierWICC,
    "MultiplierNOCC": MultiplierNOCC,
    "Readout": Readout,
    "DendriteReadout": Readout,
    "NonLinear": NonLinear,
    "Linear": Linear,
    "Input": Linear,
    "ScalingLayer": ScalingLayer,
    "Softmax": Softmax,
    "Synapse": Synapse,
    "RNN": RNN,
    "GRU": GRU,
    "LSTM": LSTM,
    "MinGRU": MinGRU,
    "LeakyGRU": LeakyGRU,
    "leakyGRU": LeakyGRU,
}


class Layer(Frozen):
    """One layer of a circuit.

    Args:
        layer_id: Its number; layers are evaluated in ascending order, gaps are fine.
        layer_type: Which kind, e.g. `SingleDendrite`.
        params: What that kind can be given, `dim` at least.
        model_id: Free number of the user.
        description: Free text of the user.
        noise: Noise at every step.
        perturb: Offsets that last one forward.
    """

    layer_id: Number
    layer_type: str
    params: SerializeAsAny[LayerParams]
    model_id: int = 0
    description: str = ""
    noise: Noise = Noise()
    perturb: Perturbation = Perturbation()

    @field_validator("layer_type")
    @classmethod
    def _known(cls, value: str) -> str:
        one_of(value, KINDS, "layer_type")
        return value

    @field_validator("params", mode="before")
    @classmethod
    def _of_kind(cls, value: Any, info: Any) -> Any:
        if isinstance(value, LayerParams) or "layer_type" not in info.data:
            return value
        return KINDS[info.data["layer_type"]].model_validate(value, context=info.context)
