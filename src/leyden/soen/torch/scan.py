"""Linear recurrences s_{t+1} = a_t s_t + b_t along time, in log2(time) vectorised passes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def scan(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """The states after each step, (batch, time, nodes).

    Only products of ``a`` occur, no logarithms and no divisions: exact zeros stay zeros and signs do not
    matter.

    Args:
        a: Factors, (batch, time, nodes).
        b: Inputs, same shape.
        start: The state before the first step, (batch, nodes).
    """
    return _Scan.apply(a, b, start)  # type: ignore[no-any-return]


class _Scan(torch.autograd.Function):
    """Its own backward is the same scan run backwards: lam_t = grad_t + a_{t+1} lam_{t+1}."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        states = _doubling(a, b, start)
        ctx.save_for_backward(a, states, start)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, states, start = ctx.saved_tensors
        ahead = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], 1)
        lam = scan(ahead.flip(1), grads[0].flip(1), torch.zeros_like(start)).flip(1)
        before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
        return lam * before, lam, lam[:, 0] * a[:, 0]


def _doubling(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """Hillis and Steele: after pass k every entry has the last 2^k steps composed into one affine map."""
    b = torch.cat([(b[:, :1] + a[:, :1] * start.unsqueeze(1)), b[:, 1:]], 1)
    reach = 1
    while reach < a.shape[1]:
        b = torch.cat([b[:, :reach], b[:, reach:] + a[:, reach:] * b[:, :-reach]], 1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], 1)
        reach *= 2
    return b
