"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from .evaluate import Outcome
from .health import has_power
from .inputs import state_names
from .power import Power, dendrite_power

if TYPE_CHECKING:
    from .network import Network


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Histories of a circuit.

    Args:
        output: History of the last layer, (batch, time + 1, nodes); index 0 is the initial state.
        histories: The same of every layer, by its number.
        final: Every state after the last step, by name; give it as ``initial`` to go on.
        phi: Flux that source functions saw, (batch, time, nodes), where ``track_phi`` is set; the flux that
            reached a layer where it is a multiplier, NonLinear, or has no source function.
        g: What they gave, where ``track_g`` is set.
        s: States without the initial one, where ``track_s`` is set.
        power: Power and energy of dendrites, where ``track_power`` is set.
    """

    output: Tensor
    histories: dict[int, Tensor]
    final: dict[str, Tensor]
    phi: dict[int, Tensor] = field(default_factory=dict)
    g: dict[int, Tensor] = field(default_factory=dict)
    s: dict[int, Tensor] = field(default_factory=dict)
    power: dict[int, Power] = field(default_factory=dict)

    def carried(self) -> dict[str, Tensor]:
        """The final states without their gradients, for the next piece of a sequence."""
        return {name: state.detach() for name, state in self.final.items()}


def reported(network: Network, outcome: Outcome) -> Simulated:
    """The outcome of a forward pass under names, with what the circuit asks to be recorded."""
    k, layers = network.circuit.simulation, network.ordered
    final: dict[str, Tensor] = {}
    for layer in layers:
        final |= zip(state_names(layer), outcome.states[layer.layer_id], strict=True)
    for key, states in outcome.circuits.items():
        final |= {f"{key}.{n}": state for n, state in enumerate(states)}
    return Simulated(
        output=outcome.histories[layers[-1].layer_id],
        histories=outcome.histories,
        final=final,
        phi=outcome.phi if k.track_phi else {},
        g=outcome.g if k.track_g else {},
        s={i: h[:, 1:] for i, h in outcome.histories.items()} if k.track_s else {},
        power=_powers(network, outcome) if k.track_power else {},
    )


def _powers(network: Network, outcome: Outcome) -> dict[int, Power]:
    found: dict[int, Power] = {}
    for layer in network.ordered:
        i = layer.layer_id
        if has_power(layer.params) and i in outcome.g:
            v, history = layer.values(), outcome.histories[i]
            bias, plus, minus = v["bias_current"], v["gamma_plus"], v["gamma_minus"]
            found[i] = dendrite_power(outcome.g[i], history, bias, plus, minus, network.dt, network.junction)
    return found
