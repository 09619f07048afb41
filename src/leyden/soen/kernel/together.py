"""Layers that step together: the compiled time loop over all of them and its adjoint as one operation."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ..torch.noise import Shake
from ..torch.rates import Rates
from . import abi
from .segments import EVALUATION, refuse_second_derivatives, rows_follow, table, threads
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


def advanced(drive: Drive, plan: Plan) -> Stepped:
    """All steps of all layers."""
    slots = [slot for slots in drive.slots for slot in slots]
    history, flux, hidden, circuits = _Together.apply(  # type: ignore[misc]
        plan, drive.phi, drive.start, drive.hidden, drive.circuits, drive.dt, *slots, *drive.weights
    )
    return Stepped(history=history, flux=flux, hidden=hidden, circuits=circuits)


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor | None, ...]:
        plan, phi, start, hidden, circuits, dt, *rest = given
        recorded = any(ctx.needs_input_grad)
        keep = recorded or plan.observed
        phi = phi if rows_follow(phi) else phi.contiguous()
        rest = [t.contiguous() for t in rest]
        batch, steps, nodes = phi.shape
        history = phi.new_empty(batch, steps + 1, nodes)
        hiddens, states = (
            phi.new_empty(batch, steps + 1 if keep else 1, t.shape[1]) for t in (hidden, circuits)
        )
        for array, first in ((history, start), (hiddens, hidden), (states, circuits)):
            array[:, 0] = first
        flux = torch.empty_like(history[:, 1:]) if keep else None
        call = _Call(plan, (history, hiddens, states, flux), dt, rest)
        call.structure.phi, call.structure.phi_stride = phi.data_ptr(), phi.stride(0)
        abi.library().call("leyden_soen_together", phi.dtype == torch.float64, call.structure)
        if recorded:
            ctx.save_for_backward(history, hiddens, states, flux, dt, *rest)
            ctx.plan = plan
            ctx.set_materialize_grads(False)
        if plan.observed:
            return history, flux, hiddens, states[:, -1].clone()
        return history, None, hiddens[:, -1].clone(), states[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        history, hiddens, states, flux, dt, *rest = ctx.saved_tensors
        plan: Plan = ctx.plan
        call = _Call(plan, (history, hiddens, states, flux), dt, rest, backwards=True)
        found = _Adjoint(plan, grads, history, hiddens, states)
        double = history.dtype == torch.float64
        abi.library().call("leyden_soen_together_adjoint", double, call.structure, found.structure)
        sums, places = found.sums.to(history.dtype), plan.places()
        slots = [
            sums[n, place] if changing is None else changing
            for place, gradients in zip(places, call.gradients, strict=True)
            for n, changing in enumerate(gradients)
        ]
        outer = _before_noise(plan, found.flux)
        weights: list[Tensor | None] = []
        for n, link in enumerate(plan.links):
            wanted, program = ctx.needs_input_grad[6 + len(slots) + n], call.programs[n]
            flux = found.flux if link.source == link.target else outer
            if not wanted:
                weights.append(None)
            elif program is not None:
                weights.append(program.to(history.dtype))
            else:
                changing = rest[len(slots) + n].dim() == 3
                weights.append(_of_matrix(link, places, flux, history, changing))
        by_dt = sums[abi.SLOTS].sum().reshape(dt.shape)
        return (
            None, outer[:, :-1], found.start, found.hidden, found.circuits, by_dt, *slots, *weights,
        )  # fmt: skip


class _Call:
    """What the library is told, and the memory that it is told of.

    Args:
        plan: What the call does.
        arrays: History, hidden and circuits' states, and flux where it is kept.
        dt: Time step.
        rest: Parameters of all layers, then weights.
        backwards: Whether gradients are wanted.
    """

    def __init__(
        self,
        plan: Plan,
        arrays: tuple[Tensor, Tensor, Tensor, Tensor | None],
        dt: Tensor,
        rest: Sequence[Tensor],
        *,
        backwards: bool = False,
    ) -> None:
        history, hiddens, states, flux = arrays
        self.batch, self.steps = history.shape[0], history.shape[1] - 1
        self.backwards = backwards
        remaining = iter(rest)
        self.gradients: list[list[Tensor | None]] = []
        self.layers = (abi.Layer * len(plan.parts))()
        for place, part, layer in zip(plan.places(), plan.parts, self.layers, strict=True):
            self._layer(layer, part, place.start, [next(remaining) for _ in range(SLOTS[part.kind])])
        hidden = 0
        for number, (part, layer) in enumerate(zip(plan.parts, self.layers, strict=True)):
            layer.hidden, hidden = hidden, hidden + part.hidden
            layer.connections = sum(link.target == number for link in plan.links)
        self.programs: list[Tensor | None] = []
        self.circuits: list[abi.Edges] = []
        self.connections = (abi.Connection * len(plan.links))()
        place = 0
        for link, weight, connection in zip(plan.links, remaining, self.connections, strict=True):
            self._connection(connection, link, weight)
            connection.states, place = place, place + link.states
        self.structure = abi.Together(
            batch=self.batch,
            steps=self.steps,
            nodes=history.shape[2],
            hidden=hiddens.shape[2],
            states=states.shape[2],
            layers=len(plan.parts),
            threads=threads(self.batch, plan.work(self.batch, self.steps)),
            jacobi=plan.jacobi,
            keep=hiddens.shape[1] > 1,
            flux=None if flux is None else flux.data_ptr(),
            history=history.data_ptr(),
            hiddens=hiddens.data_ptr(),
            circuits=states.data_ptr(),
            layer=self.layers,
            connection=self.connections,
            dt=float(dt),
        )
        if plan.rates is not None:
            self.structure.table = table(plan.rates)

    def _layer(self, layer: abi.Layer, part: Part, start: int, slots: Sequence[Tensor]) -> None:
        layer.start, layer.nodes = start, part.nodes
        layer.kind, layer.source = abi.KINDS.index(part.kind), abi.SOURCES.index(part.source)
        layer.width, layer.height = part.triangle
        if part.fan_in is not None:
            layer.fan_in = part.fan_in.data_ptr()
        gradients: list[Tensor | None] = []
        for n, slot in enumerate(slots):
            layer.slot[n].at = slot.data_ptr()
            changing = slot.dim() == 3
            if changing:
                layer.slot[n].by_sample, layer.slot[n].by_step = self.steps * part.nodes, part.nodes
            gradients.append(torch.zeros_like(slot) if changing and self.backwards else None)
            layer.slot[n].gradient = _address(gradients[-1])
        self.gradients.append(gradients)
        for key, shake in part.noise.items():
            noise = getattr(layer, key)
            noise.share, noise.added = _address(shake.share), _address(shake.added)

    def _connection(self, connection: abi.Connection, link: Link, weight: Tensor) -> None:
        connection.source, connection.loop = link.source, link.source == link.target
        connection.late, connection.fresh = link.late, link.fresh
        if link.wires is None:
            connection.weight = weight.data_ptr()
            connection.weight_stride = weight.stride(0) if weight.dim() == 3 else 0
            self.programs.append(None)
            return
        self.circuits.append(link.wires.structure(self.steps, weight))
        connection.edges = ctypes.pointer(self.circuits[-1])
        program = torch.zeros_like(weight, dtype=torch.float64) if self.backwards else None
        connection.program = _address(program)
        self.programs.append(program)


class _Adjoint:
    """Gradients: what is given, and room for what is found.

    Args:
        plan: What the call does.
        grads: Of history, flux, hidden and circuits' states; None where there are none.
        history: As the call left it.
        hiddens: Likewise.
        states: Likewise.
    """

    def __init__(
        self, plan: Plan, grads: Sequence[Tensor | None], history: Tensor, hiddens: Tensor, states: Tensor
    ) -> None:
        given, flux, hidden, circuits = grads
        given = torch.zeros_like(history) if given is None else given
        self.given = given if rows_follow(given) else given.contiguous()
        self.flux_given = None if flux is None else flux.contiguous()
        whole = plan.observed and hidden is not None
        self.hiddens_given = hidden.contiguous() if whole and hidden is not None else None
        self.hidden = (
            torch.zeros_like(hiddens[:, 0]) if hidden is None or whole else hidden.contiguous().clone()
        )
        self.circuits = torch.zeros_like(states[:, 0]) if circuits is None else circuits.contiguous().clone()
        self.flux, self.start = torch.empty_like(history), torch.empty_like(history[:, 0])
        self.sums = torch.zeros(abi.SLOTS + 1, history.shape[2], dtype=torch.float64)
        self.structure = abi.TogetherAdjoint(
            given_stride=self.given.stride(0),
            given=self.given.data_ptr(),
            flux_given=_address(self.flux_given),
            hiddens_given=_address(self.hiddens_given),
            phi=self.flux.data_ptr(),
            start=self.start.data_ptr(),
            hidden=self.hidden.data_ptr(),
            circuits=self.circuits.data_ptr(),
            sums=self.sums.data_ptr(),
        )


def _before_noise(plan: Plan, flux: Tensor) -> Tensor:
    """The gradient of the flux before noise acts on it, from that of the whole, (batch, time + 1, nodes)."""
    if all("phi" not in p.noise or p.noise["phi"].share is None for p in plan.parts):
        return flux
    before = flux.clone()
    for place, part in zip(plan.places(), plan.parts, strict=True):
        share = part.noise["phi"].share if "phi" in part.noise else None
        if share is not None:  # the forward has left its derivative there
            before[:, :-1, place] *= 1.0 + share
    return before


def _of_matrix(link: Link, places: Sequence[slice], flux: Tensor, history: Tensor, changing: bool) -> Tensor:
    """The gradient of a matrix from that of the flux it gives, whose last step is zero."""
    flux, states = flux[:, :, places[link.target]], history[:, :, places[link.source]]
    if changing:
        seen = states[:, 1:] if link.fresh else states[:, :-1]
        return flux[:, :-1].permute(1, 2, 0) @ seen.transpose(0, 1)
    rows, columns = flux.flatten(0, 1), states.flatten(0, 1)
    return rows[:-1].t() @ columns[1:] if link.fresh else rows.t() @ columns


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
