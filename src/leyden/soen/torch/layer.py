"""The contract of layers on PyTorch: parameters, and one step of their equation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from ..layers import Layer as Spec
from ..layers import LayerParams
from ..sources import SOURCES
from .edges import Edge
from .noise import Disturbance, Levels
from .parameters import stored, stored_box, values
from .sources import Source
from .tracing import writing

#: tensors of shape (batch, nodes); the first is what other layers see
State = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Birth:
    """What a layer is made from.

    Args:
        spec: Its description.
        generator: Of all draws.
        dt: Time step of the circuit.
        fan_outs: Connections that leave each node, shape (nodes,).
        compat: Quirks of the original that the circuit asks for.
    """

    spec: Spec
    generator: Generator
    dt: float
    fan_outs: Tensor
    compat: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Now:
    """What holds for a layer during one forward.

    Args:
        dt: Time step, a scalar tensor.
        layer: The layer.
        source: The layer's source function.
        noise: What disturbs the layer.
        loop: The weights of its self connection as they are computed with, (nodes, nodes).
    """

    dt: Tensor
    layer: Layer
    source: Source
    noise: Disturbance
    loop: Tensor | None = None
    _values: dict[bool, Mapping[str, Tensor]] = field(default_factory=dict, init=False)

    @property
    def values(self) -> Mapping[str, Tensor]:
        """Parameters as the equations use them, each (nodes,); computed when somebody looks, and once.

        Newton looks without gradients first: what it sees is not for those who want them.
        """
        recorded = torch.is_grad_enabled()
        if recorded not in self._values:
            self._values[recorded] = self.layer.values(self.loop)
        return self._values[recorded]

    def parameters(self, like: Tensor) -> Mapping[str, Tensor]:
        """The parameters of one step: as they are, or disturbed from clean values, shape of ``like``."""
        keys = self.noise.levels.keys & self.values.keys()
        if not keys:
            return self.values
        return {k: self.noise(k, v.expand_as(like)) if k in keys else v for k, v in self.values.items()}


class Step(NamedTuple):
    """One step: the new state, the flux that the source function saw and what it gave, where there is one."""

    state: State
    phi: Tensor | None = None
    g: Tensor | None = None


class Rolled(NamedTuple):
    """A whole sequence: outputs (batch, time + 1, nodes), final states, flux and g (batch, time, nodes)."""

    history: Tensor
    state: State
    loop: tuple[Tensor, ...] = ()
    phi: Tensor | None = None
    g: Tensor | None = None


class Connectivity(nn.Module):
    """The weights of a self connection under the name that the original's files have for them."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight


class Layer(nn.Module):
    """One layer. A kind says what one step is; whole sequences follow from it.

    Args:
        birth: What it is made from.
    """

    hidden: ClassVar[tuple[str, ...]] = ()  # names of the states behind the first
    memoryless: ClassVar[bool] = False  # the output is a function of the flux alone

    def __init__(self, birth: Birth) -> None:
        super().__init__()
        self.layer_id = birth.spec.layer_id
        self.layer_type = birth.spec.layer_type
        self.params: LayerParams = birth.spec.params
        self.levels = Levels.of(birth.spec)
        self._obey_settings = "learnable" not in birth.compat
        self._rules = dict(self.params.rules())
        self._names = {name: f"log_{name}" if rule.log else name for name, rule in self._rules.items()}
        self.source_func = str(getattr(self.params, "source_func", "Tanh"))
        self._bounds = {
            self.stored_name(n): stored_box(self.params.box(n), r.log) for n, r in self._rules.items()
        }
        self._deaf = _first_parameter(self.params) if _never_uses_bias(self.params) else ""
        for name, rule in self._rules.items():
            distribution = self.params.parameter(name).distribution
            first = values(distribution, self.params.dim, birth.generator, birth.fan_outs)
            self.register_parameter(self.stored_name(name), nn.Parameter(stored(first, rule.log)))
        self.clamp_()

    def stored_name(self, name: str) -> str:
        """The name of a parameter in state dictionaries."""
        return self._names[name]

    def held(self, name: str) -> Tensor:
        """A parameter as it is stored; under `torch.func` it is a plain tensor."""
        return getattr(self, self._names[name])

    def stored(self) -> list[Tensor]:
        """All parameters as they are stored."""
        return [getattr(self, name) for name in self._names.values()]

    def settle_learnable(self) -> None:
        """Decide for each parameter whether it is trained; called once, when all of them are there."""
        wanted = self.params.learnable_params
        for name, parameter in self.named_parameters(remove_duplicate=False):
            plain = name.removeprefix("log_")
            said = (
                getattr(getattr(self.params, plain, None), "learnable", None) if self._obey_settings else None
            )
            default = parameter.requires_grad if said is None else said
            parameter.requires_grad_(wanted.get(name, wanted.get(plain, default)))

    def values(self, loop: Tensor | None = None) -> dict[str, Tensor]:
        """The parameters as the equations use them, each (nodes,); ``loop``: weights of a self connection."""
        found: dict[str, Tensor] = {}
        written = writing()
        for name, rule in self._rules.items():
            parameter = self.held(name)
            low, high = self._bounds[self.stored_name(name)]
            if not (written and isinstance(parameter, nn.Parameter)) and (
                low is not None or high is not None
            ):
                parameter = parameter.clamp(low, high)  # it cannot be written to
            found[name] = torch.exp(parameter) if rule.log else parameter
        if self._deaf and found["bias_current"].requires_grad:
            # the source function never uses the bias, but a distributed reduction waits for its gradient
            found[self._deaf] = found[self._deaf] + 0.0 * found["bias_current"]
        return found

    def set_value(self, name: str, value: Tensor | float) -> None:
        """Give a parameter a value in the units of the equations, whatever way it is stored."""
        with torch.no_grad():
            target = self.held(name)
            target.copy_(stored(torch.as_tensor(value, dtype=target.dtype), self._rules[name].log))

    def clamp_(self) -> None:
        """Bring every parameter back into its box."""
        for name, (low, high) in self._bounds.items():
            held = getattr(self, name)
            if isinstance(held, nn.Parameter) and (low is not None or high is not None):
                # `data`, so that a second forward does not void what the first one saved for its backward
                held.data.clamp_(low, high)

    def start(self, output: Tensor) -> State:
        """The whole state that goes with an output (batch, nodes)."""
        return (output, *(torch.zeros_like(output) for _ in self.hidden))

    def shaken(self, phi: Tensor, now: Now) -> Tensor:
        """The flux that reaches the layer from others, of any shape, with its noise."""
        return now.noise("phi", phi)

    def first(self, output: Tensor, now: Now) -> Tensor:
        """What a history shows before the first step, (batch, nodes), where the layer has no memory."""
        return output

    def currents(self, history: Tensor) -> tuple[Tensor, Tensor] | None:
        """Smallest and largest current that the source function met during a history, None without one."""
        return None

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        """One step under flux ``phi`` (batch, nodes); memoryless kinds take (batch, time, nodes) as well."""
        raise NotImplementedError

    def sequence(self, phi: Tensor, state: State, loop: Edge | None, now: Now) -> Rolled | None:
        """A whole sequence at once, where there is a way that beats stepping; None where there is not.

        Args:
            phi: External flux, (batch, time, nodes).
            state: Before the first step.
            loop: The self connection.
            now: What holds during this forward.
        """
        return None


def _never_uses_bias(params: LayerParams) -> bool:
    """Whether there is a bias current that the source function does not depend on."""
    return (
        "bias_current" in params.rules()
        and not SOURCES[getattr(params, "source_func", "RateArray")].uses_current
    )


def _first_parameter(params: LayerParams) -> str:
    """The first parameter that is not the bias current."""
    return next(name for name in params.rules() if name != "bias_current")
