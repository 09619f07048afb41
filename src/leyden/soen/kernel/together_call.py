"""The structures of one call for layers that step together, and the memory that they point into."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from . import abi
from .layout import rows_follow
from .plan import SLOTS, Link, Part, Plan
from .threads import worthwhile


class TogetherCall:
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
            threads=worthwhile(self.batch, plan.work(self.batch, self.steps)),
            jacobi=plan.jacobi,
            keep=hiddens.shape[1] > 1,
            flux=None if flux is None else flux.data_ptr(),
            history=history.data_ptr(),
            hiddens=hiddens.data_ptr(),
            circuits=states.data_ptr(),
            layer=self.layers,
            connection=self.connections,
            table=abi.table(plan.rates),
            dt=float(dt),
        )

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


class TogetherAdjoint:
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


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
