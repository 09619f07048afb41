"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from .power import Power


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Histories of a circuit.

    Args:
        output: History of the last layer, (batch, time + 1, nodes); index 0 is the initial state.
        histories: The same of every layer, by its number.
        final: Every state after the last step, by name; give it as ``initial`` to go on.
        phi: Flux that source functions saw, (batch, time, nodes), where ``track_phi`` is set.
        g: What they gave, where ``track_g`` is set.
        s: States without the initial one, where ``track_s`` is set.
        power: Power and energy of dendrites, where ``track_power`` is set.
    """

    output: Tensor
    histories: dict[int, Tensor]
    final: dict[str, Tensor]
    phi: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    g: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    s: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    power: dict[int, Power] = field(default_factory=dict[int, Power])

    def carried(self) -> dict[str, Tensor]:
        """The final states without their gradients, for the next piece of a sequence."""
        return {name: state.detach() for name, state in self.final.items()}
