"""Connections with a multiplier for each edge over whole sequences: the compiled loop as one operation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..torch.edges import Circuits, Edge, EdgeState, NoccEdge, WiccEdge, product
from ..torch.rates import among
from . import abi
from .derivatives import refuse_more_than_one
from .drawn import WeightDraws, drawn
from .layout import rows_follow
from .threads import EVALUATION, worthwhile
from .ways import Decision, Way, allowed, circuits_problem
from .wires import Wires


def carried(
    edge: Edge, source: Tensor, state: EdgeState, *, late: bool, draws: WeightDraws | None = None
) -> tuple[Tensor, EdgeState]:
    """What a connection carries: flux (batch, time, to) and final states.

    Args:
        edge: The connection.
        source: History of the source layer, (batch, time + 1, from).
        state: Of the connection's circuits before the first step.
        late: Whether a step sees the states before it, as in Jacobi evaluation.
        draws: What disturbs its weights, where that is drawn already.
    """
    part = slice(None, -1) if late else slice(1, None)
    if product(edge):
        # one product over everything and then a view: the other way round would copy
        return (source @ edge.weight.t())[:, part], ()
    seen = source[:, part]
    decision = decide_edge(edge, seen)
    if decision.way == "steps":
        return edge.delayed_sequence(seen, state) if late else edge.sequence(seen, state)
    if not isinstance(edge, (WiccEdge, NoccEdge)):
        weights = (draws or drawn(edge, seen.shape[1])).weight()
        return (seen.transpose(0, 1) @ weights.transpose(1, 2)).transpose(0, 1), ()
    flux, final = _compiled(edge, seen, state, (draws or drawn(edge, seen.shape[1])).weight())
    if late:
        flux = torch.cat([edge.pending(state).unsqueeze(1), flux[:, :-1]], 1)
    return flux, final


def decide_edge(edge: Edge, source: Tensor) -> Decision:
    """How the sequence of a connection is computed that is more than a matrix product, and why."""
    most: Way = "steps" if torch.compiler.is_compiling() else allowed()
    if not isinstance(edge, Circuits):  # one product over all steps with their own weights
        return Decision("steps", "asked for") if most == "steps" else Decision("fused")
    if most != "compiled":
        return Decision("steps", "asked for")
    problem = circuits_problem(edge, source)
    return Decision("steps", problem) if problem else Decision("compiled")


def _compiled(
    edge: WiccEdge | NoccEdge, source: Tensor, state: EdgeState, weight: Tensor
) -> tuple[Tensor, EdgeState]:
    wires = Wires.of(edge)
    start = torch.cat(state, 1)
    flux, final = _Carried.apply(source, wires.program(weight), start, edge.dt, wires)  # type: ignore[misc]
    return flux, tuple(final.split([part.shape[1] for part in state], 1))


def _call(wires: Wires, signal: Tensor, program: Tensor, states: Tensor) -> abi.Edges:
    """What the library is told, save for the flux."""
    batch, steps, nodes = signal.shape
    call = wires.structure(steps, program)
    call.batch, call.threads = batch, worthwhile(batch, 2.0 * batch * steps * len(wires.start) * EVALUATION)
    call.keep, call.states = states.shape[1] > 1, states.data_ptr()
    call.signal, call.signal_stride = signal.data_ptr(), signal.stride(0)
    setattr(call, "from", nodes)
    call.table = abi.table(among([wires.edge.source]))
    return call


class _Carried(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        signal, program, start, _, wires = given
        keep = any(ctx.needs_input_grad)
        signal = signal if rows_follow(signal) else signal.contiguous()
        program = program.contiguous()
        batch, steps, _ = signal.shape
        states = start.new_empty(batch, steps + 1 if keep else 1, start.shape[1])
        states[:, 0] = start
        flux = signal.new_empty(batch, steps, len(wires.out))
        call = _call(wires, signal, program, states)
        call.flux = flux.data_ptr()
        abi.library().call("leyden_soen_edges", signal.dtype == torch.float64, call)
        if keep:
            ctx.save_for_backward(signal, program, states)
            ctx.wires = wires
        return flux, states[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        refuse_more_than_one(grads)
        signal, program, states = ctx.saved_tensors
        given = grads[0] if rows_follow(grads[0]) else grads[0].contiguous()
        wanted, by_signal = grads[1].clone(), torch.zeros(signal.shape, dtype=signal.dtype)
        by_program, by_dt = (
            torch.zeros_like(program, dtype=torch.float64),
            torch.zeros((), dtype=torch.float64),
        )
        filled = (given, wanted, by_signal, by_program, by_dt)
        adjoint = abi.EdgesAdjoint(given.stride(0), *(t.data_ptr() for t in filled))
        call = _call(ctx.wires, signal, program, states)
        abi.library().call("leyden_soen_edges_adjoint", signal.dtype == torch.float64, call, adjoint)
        return by_signal, by_program.to(program.dtype), wanted, by_dt.to(program.dtype), None
