"""Layers that step together, as the kernel is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from torch import Tensor

from ..torch.noise import Shake
from ..torch.rates import Rates
from .threads import EVALUATION
from .wires import Wires

#: parameters and hidden states of a node of each kind
SLOTS = {"dendrite": 4, "coils": 4, "arms": 5, "soma": 5}
HIDDEN = {"arms": 2, "soma": 1}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A layer among those that step together, save for what is differentiated.

    Args:
        kind: One of ``abi.KINDS``.
        source: Name of its source function, one of ``abi.SOURCES``.
        nodes: How many.
        noise: On ``phi``, ``g`` and ``s``, (batch, time, nodes).
        fan_in: Weights of its own that reach each node, (nodes,); arms.
        triangle: Half base and area of what stands for the derivative of a spike.
    """

    kind: str
    source: str
    nodes: int
    noise: Mapping[str, Shake] = field(default_factory=dict[str, Shake])
    fan_in: Tensor | None = None
    triangle: tuple[float, float] = (1.0, 1.0)

    @property
    def hidden(self) -> int:
        """Hidden states."""
        return HIDDEN.get(self.kind, 0) * self.nodes


@dataclass(frozen=True, kw_only=True)
class Link:
    """A connection among layers that step together, save for its weights.

    Args:
        source: Number of the layer it comes from.
        target: Number of the layer it reaches.
        late: Whether its flux is that of the circuits' states before the step.
        fresh: Whether it sees the new state of its source.
        wires: Its circuits, None where it is a matrix product.
    """

    source: int
    target: int
    late: bool = False
    fresh: bool = False
    wires: Wires | None = None

    @property
    def states(self) -> int:
        """States of its circuits."""
        return 0 if self.wires is None else self.wires.states


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a call does besides its tensors.

    Args:
        parts: The layers in the order of a step.
        links: The connections, sorted by target.
        jacobi: Whether all layers see the states before the step.
        rates: The rate table, where a source function looks it up.
        observed: Whether the flux and hidden states of every step are wanted.
    """

    parts: Sequence[Part]
    links: Sequence[Link] = ()
    jacobi: bool = False
    rates: Rates | None = None
    observed: bool = False

    def places(self) -> list[slice]:
        """Where each layer is among the nodes of all."""
        ends = accumulate(p.nodes for p in self.parts)
        return [slice(end - p.nodes, end) for end, p in zip(ends, self.parts, strict=True)]

    def work(self, batch: int, steps: int) -> float:
        """About how many multiplications a call costs."""
        total = sum(p.nodes * EVALUATION * (2 if p.kind in ("coils", "arms") else 1) for p in self.parts)
        for link in self.links:
            of_matrix = 2 * self.parts[link.source].nodes * self.parts[link.target].nodes
            total += of_matrix if link.wires is None else 2 * len(link.wires.start) * EVALUATION
        return float(batch * steps * total)


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The tensors of a call; all layers are side by side.

    Args:
        phi: External flux, (batch, time, nodes).
        start: States before the first step, (batch, nodes).
        hidden: Hidden states before it, (batch, hidden).
        circuits: States of all connections' circuits before it, (batch, states).
        dt: Time step, a scalar.
        slots: Parameters of each layer, (nodes,), or (batch, time, nodes) where they change.
        weights: Of each link: (to, from) or (time, to, from); of circuits (edges,) or (time, edges).
    """

    phi: Tensor
    start: Tensor
    hidden: Tensor
    circuits: Tensor
    dt: Tensor
    slots: Sequence[Sequence[Tensor]]
    weights: Sequence[Tensor] = ()


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """What a call came to.

    Args:
        history: (batch, time + 1, nodes).
        flux: (batch, time, nodes), where observed.
        hidden: (batch, hidden), or (batch, time + 1, hidden) where observed.
        circuits: (batch, states).
    """

    history: Tensor
    flux: Tensor | None
    hidden: Tensor
    circuits: Tensor
