"""One call of the kernel for nodes with one state: its structures, and the tensors that they point into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..torch.rates import Rates
from . import abi
from .layout import followed, places
from .threads import EVALUATION, worthwhile

#: tensors of a segment: offset, bias, plus, minus, flux, start, noise on g, noise on s
OWN = 8


@dataclass(frozen=True)
class Form:
    """What a call does besides its tensors.

    Args:
        batch: Samples.
        steps: Time steps.
        kinds: Source function, arms, logarithms and nodes of each segment.
        outers: Nodes of each signal that comes from outside.
        wires: Source, target, whether late.
        rates: The rate table, where a source function looks it up.
    """

    batch: int
    steps: int
    kinds: Sequence[tuple[int, int, bool, int]]
    outers: Sequence[int]
    wires: Sequence[tuple[int, int, bool]]
    rates: Rates | None

    @property
    def own(self) -> int:
        """How many tensors there are before those of the segments: the time step, and outer signals."""
        return 1 + len(self.outers)

    def takes_strides(self, number: int) -> bool:
        """Whether samples of a tensor may lie apart: those of outer signals and fluxes."""
        return number < self.own or (number - self.own) % OWN == 4

    def seen_back(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The tensors without those that the adjoint does not look at: flux, start, noise on s."""
        seen, end = [*tensors], self.own + OWN * len(self.kinds)
        for place in (4, 5, 7):
            seen[self.own + place : end : OWN] = [None] * len(self.kinds)
        return seen

    def threads(self) -> int:
        """How many threads are worth their start."""
        widths = [nodes for *_, nodes in self.kinds]
        products = sum(
            2 * widths[to] * (widths[source] if source >= 0 else self.outers[-1 - source])
            for source, to, _ in self.wires
        )
        return worthwhile(self.batch, self.batch * self.steps * (products + EVALUATION * sum(widths)))


class CellsCall:
    """The structures of one call.

    Args:
        form: What it does.
        tensors: Time step, outer signals, those of the segments, weights; back, those of `Form.seen_back`.
        histories: Of each segment.
        fluxes: Of each segment, None where they are not kept.
    """

    def __init__(
        self,
        form: Form,
        tensors: Sequence[Tensor | None],
        histories: Sequence[Tensor],
        fluxes: Sequence[Tensor | None],
    ) -> None:
        dt = tensors[0]
        assert dt is not None
        self.form, self.double = form, dt.dtype == torch.float64
        laid = [
            t if t is None or t.is_contiguous() else followed(t, form.takes_strides(n))
            for n, t in enumerate(tensors)
        ]
        #: tensors of its own that it points into
        self.copies = [copy for copy, t in zip(laid, tensors, strict=True) if copy is not t]
        at, first = places(laid), form.own
        self.segments = (abi.Segment * len(form.kinds))()
        for n, (kind, history, flux) in enumerate(
            zip(form.kinds, places(histories), places(fluxes), strict=True)
        ):
            source, arms, logs, nodes = kind
            offset, bias, plus, minus, phi, start, g_noise, s_noise = at[first : first + OWN]
            self.segments[n] = abi.Segment(
                nodes, source, arms, logs, phi[1][0], start[1][0], 0, phi[0], start[0],
                offset[0], bias[0], plus[0], minus[0], g_noise[0], s_noise[0], flux[0], history[0],
            )  # fmt: skip
            first += OWN
        self.outers = (abi.Outer * len(form.outers))(
            *(
                (n, strides[0], place)
                for n, (place, strides) in zip(form.outers, at[1 : form.own], strict=True)
            )
        )
        self.wires = (abi.Wire * len(form.wires))(
            *((*wire, place) for wire, (place, _) in zip(form.wires, at[first:], strict=True))
        )
        self.cells = abi.Cells(
            form.batch, form.steps, form.threads(), len(form.kinds), len(form.outers), len(form.wires),
            self.segments, self.outers, self.wires,
            abi.table(form.rates), float(dt),
        )  # fmt: skip

    def advance(self) -> None:
        """Fill histories and fluxes in."""
        abi.library().call("leyden_soen_cells", self.double, self.cells)

    def retreat(self, given: Sequence[Tensor | None], found: Sequence[Tensor | None]) -> None:
        """Fill gradients in.

        Args:
            given: Gradients of the histories.
            found: Room for those of the tensors; what goes to an outer signal is added up.
        """
        laid = [g if g is None or g.is_contiguous() else followed(g) for g in given]
        at, n = places(found), self.form.own
        for outer, (place, _) in zip(self.outers, at[1:n], strict=True):
            outer.by = place
        for segment, (place, strides) in zip(self.segments, places(laid), strict=True):
            segment.given, segment.given_stride = place, strides[0]
            (
                segment.by_offset, segment.by_bias, segment.by_plus, segment.by_minus, segment.by_phi,
                segment.by_start,
            ) = (place for place, _ in at[n : n + OWN - 2])  # fmt: skip
            n += OWN
        for wire, (place, _) in zip(self.wires, at[n:], strict=True):
            wire.by = place
        abi.library().call("leyden_soen_cells_adjoint", self.double, self.cells)
        if found[0] is not None:
            found[0].fill_(self.cells.by_dt)
