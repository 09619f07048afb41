"""Connections with a multiplier for each edge over whole sequences: the compiled loop as one operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..torch.edges import Circuits, Edge, EdgeState, Fixed, NoccEdge, WiccEdge
from ..torch.rates import Rates
from . import abi
from .segments import EVALUATION, refuse_second_derivatives, rows_follow, table, threads
from .ways import Decision, allowed, known_name, unfit


def carried(edge: Edge, source: Tensor, state: EdgeState, *, late: bool) -> tuple[Tensor, EdgeState]:
    """What a connection carries: flux (batch, time, to) and final states.

    Args:
        edge: The connection.
        source: History of the source layer, (batch, time + 1, from).
        state: Of the connection's circuits before the first step.
        late: Whether a step sees the states before it, as in Jacobi evaluation.
    """
    part = slice(None, -1) if late else slice(1, None)
    if type(edge) is Fixed and edge.disturbed is None:
        # one product over everything and then a view: the other way round would copy
        return (source @ edge.weight.t())[:, part], ()
    seen = source[:, part]
    if not isinstance(edge, (WiccEdge, NoccEdge)) or decide_edge(edge, seen).way != "compiled":
        return edge.delayed_sequence(seen, state) if late else edge.sequence(seen, state)
    flux, final = _compiled(edge, seen, state)
    if late:
        flux = torch.cat([edge.pending(state).unsqueeze(1), flux[:, :-1]], 1)
    return flux, final


def decide_edge(edge: Edge, source: Tensor) -> Decision:
    """How the sequence of a connection is computed that is more than a matrix product, and why."""
    if isinstance(edge, Fixed):
        return Decision("steps", "noise changes its weights at every step")
    assert isinstance(edge, Circuits)
    if allowed() != "compiled" or torch.compiler.is_compiling():
        return Decision("steps", "asked for")
    if edge.disturbed is not None:
        return Decision("steps", "noise changes its weights at every step")
    if edge.dt.requires_grad:
        return Decision("steps", "the kernel has no gradient of a learnable time step here")
    if known_name(edge.source) is None:
        return Decision("steps", "its source function is not in the kernel")
    if reason := unfit(source, edge.weight, edge.dt):
        return Decision("steps", reason)
    if source.device.type != "cpu":
        return Decision("steps", f"the kernel runs on the processor, not on {source.device.type}")
    problem = abi.library().problem
    return Decision("steps", problem) if problem else Decision("compiled")


@dataclass(frozen=True)
class _Settings:
    """A connection without what is differentiated.

    Args:
        edge: It.
        start: Source node of each edge, int32.
        first: First edge of each target, and behind the last, int32.
        out: From states to flux, (to,).
    """

    edge: WiccEdge | NoccEdge
    start: Tensor
    first: Tensor
    out: Tensor

    def call(self, signal: Tensor, program: Tensor, states: Tensor, keep: bool) -> abi.Edges:
        """What the library is told, save for the flux."""
        edge, settings = self.edge, self.edge.settings
        (batch, steps, nodes), targets = signal.shape, len(self.first) - 1
        name = known_name(edge.source)
        assert name is not None
        call = abi.Edges(
            batch=batch,
            steps=steps,
            edges=len(program),
            to=targets,
            threads=threads(batch, 2.0 * batch * steps * len(program) * EVALUATION),
            source=abi.SOURCES.index(name),
            keep=keep,
            signal_stride=signal.stride(0),
            signal=signal.data_ptr(),
            start=self.start.data_ptr(),
            first=self.first.data_ptr(),
            program=program.data_ptr(),
            out=self.out.data_ptr(),
            states=states.data_ptr(),
            dt=float(edge.dt),
            j_in=settings.j_in,
        )
        setattr(call, "from", nodes)
        if isinstance(edge.source, Rates):
            call.table = table(edge.source)
        if isinstance(edge, WiccEdge):
            call.coils = 1
            call.plus, call.minus, call.bias = (
                float(edge.gamma_plus),
                float(edge.gamma_minus),
                float(edge.bias),
            )
        else:
            call.alpha, call.beta, call.beta_out = (
                edge.settings.alpha,
                edge.settings.beta,
                edge.settings.beta_out,
            )
            call.bias, call.inductance = edge.settings.bias_current, edge.inductance.data_ptr()
        return call


def _compiled(edge: WiccEdge | NoccEdge, source: Tensor, state: EdgeState) -> tuple[Tensor, EdgeState]:
    targets, settings = edge.weight.shape[0], edge.settings
    first = torch.zeros(targets + 1, dtype=torch.int32)
    first[1:] = torch.bincount(edge.to, minlength=targets).cumsum(0)
    out = (
        edge.j_out.contiguous()
        if isinstance(edge, WiccEdge)
        else edge.inductance.new_full((targets,), edge.settings.j_out)
    )
    known = _Settings(edge, edge.start.to(torch.int32), first, out)
    program = edge.weight[edge.to, edge.start]
    program = program + 0.5 if settings.half_flux_offset else program
    flux, final = _Carried.apply(source, program, torch.cat(state, 1), known)  # type: ignore[misc]
    return flux, tuple(final.split([part.shape[1] for part in state], 1))


class _Carried(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        signal, program, start, known = given
        keep = any(ctx.needs_input_grad)
        signal = signal if rows_follow(signal) else signal.contiguous()
        program = program.contiguous()
        batch, steps, _ = signal.shape
        states = start.new_empty(batch, steps + 1 if keep else 1, start.shape[1])
        states[:, 0] = start
        flux = signal.new_empty(batch, steps, len(known.out))
        call = known.call(signal, program, states, keep)
        call.flux = flux.data_ptr()
        abi.library().call("leyden_soen_edges", signal.dtype == torch.float64, call)
        if keep:
            ctx.save_for_backward(signal, program, states)
            ctx.known = known
        return flux, states[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        (signal, program, states), known = ctx.saved_tensors, ctx.known
        given = grads[0] if rows_follow(grads[0]) else grads[0].contiguous()
        wanted, by_signal = grads[1].clone(), torch.zeros(signal.shape, dtype=signal.dtype)
        by_program = torch.zeros(len(program), dtype=torch.float64)
        adjoint = abi.EdgesAdjoint(
            given.stride(0), given.data_ptr(), wanted.data_ptr(), by_signal.data_ptr(), by_program.data_ptr()
        )
        call = known.call(signal, program, states, True)
        abi.library().call("leyden_soen_edges_adjoint", signal.dtype == torch.float64, call, adjoint)
        return by_signal, by_program.to(program.dtype), wanted, None
