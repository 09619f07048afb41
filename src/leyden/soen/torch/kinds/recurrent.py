"""Recurrent cells of one layer, as torch has them: RNN, GRU, LSTM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from ...kernel.gates import at_once, leaking
from ..edges import Edge, product
from ..layer import Birth, Layer, Now, Rolled, State, Step


class Weights(nn.Module):
    """Weights and biases of one cell under torch's names, drawn as torch draws them.

    Args:
        width: Inputs and states.
        gates: Blocks of rows.
        generator: Of the draws.
    """

    def __init__(self, width: int, gates: int, generator: Generator) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))

        self.weight_ih_l0 = drawn(gates * width, width)
        self.weight_hh_l0 = drawn(gates * width, width)
        self.bias_ih_l0 = drawn(gates * width)
        self.bias_hh_l0 = drawn(gates * width)


class Carrying(Layer):
    """A recurrent cell. Noise acts on what is shown; the state that the cell carries on has none."""

    hidden = ("h",)

    def start(self, output: Tensor) -> State:
        return (output, output)

    def folded(self, phi: Tensor, state: State, loop: Edge) -> Tensor:
        """The flux with which a self connection may see the carried state in place of what is shown.

        Without noise they differ before the first step alone.
        """
        shift = (state[0] - state[1]) @ loop.weight.t()
        return torch.cat([phi[:, :1] + shift.unsqueeze(1), phi[:, 1:]], 1)

    def shown(
        self, phi: Tensor, state: State, states: Tensor, final: Sequence[Tensor], loop: Edge | None, now: Now
    ) -> Rolled:
        """A whole sequence, from all carried states (batch, time, nodes) and the final ones."""
        shown = now.noise.sequence("s", state[0], phi.shape[1]).on(states)
        history = torch.cat([state[0].unsqueeze(1), shown], 1)
        seen = phi if loop is None else phi + history[:, :-1] @ loop.weight.t()
        return Rolled(history, (history[:, -1], *final), (), seen)


class Cell(Carrying):
    """A cell that torch has."""

    gates: ClassVar[int] = 1
    folds: ClassVar[bool] = True  # whether weights of a self connection can be added to those of the cell

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        self.module = Weights(self.params.dim, self.gates, birth.generator)
        self.core = self.module  # files of the original have the same tensors under both names

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        h = self._next(phi, state[1])
        return Step((now.noise("s", h), h), phi)

    def sequence(self, phi: Tensor, state: State, loop: Edge | None, now: Now) -> Rolled | None:
        noisy = "s" in now.noise.levels.keys
        served = loop is None or (self.folds and product(loop) and not noisy)
        if not served or not at_once(phi, self.module.weight_hh_l0):
            return None
        own, driven = self.module.weight_hh_l0, phi
        if loop is not None:  # the input's weights act on what is shown, which is the cell's own state
            own = own + self.module.weight_ih_l0 @ loop.weight
            driven = self.folded(phi, state, loop)
        states, final = self._all(driven, state[1:], own)
        return self.shown(phi, state, states, final, loop, now)

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        raise NotImplementedError

    def _all(self, phi: Tensor, state: Sequence[Tensor], own: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """All states (batch, time, nodes) and the final ones, with these recurrent weights.

        Torch's kernels are told that they train: cuDNN has no gradients otherwise.
        """
        raise NotImplementedError

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        m = self.module
        return m.weight_ih_l0, m.weight_hh_l0, m.bias_ih_l0, m.bias_hh_l0


class RNN(Cell):
    """h' = tanh(W_ih phi + b_ih + W_hh h + b_hh)."""

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        return torch.rnn_tanh_cell(phi, h, *self._tensors())

    def _all(self, phi: Tensor, state: Sequence[Tensor], own: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        into, _, bias, own_bias = self._tensors()
        offset = bias + own_bias
        states = leaking(phi @ into.t(), own, offset, torch.ones_like(offset), state[0])[:, 1:]
        return states, [states[:, -1]]


class GRU(Cell):
    """h' = (1 - z) n + z h, n = tanh(W_in phi + b_in + r (W_hn h + b_hn))."""

    gates = 3
    folds = False  # the reset gate acts on the one and not on the other

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        return torch.gru_cell(phi, h, *self._tensors())

    def _all(self, phi: Tensor, state: Sequence[Tensor], own: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        (h,) = state
        into, _, *biases = self._tensors()
        weights = [into, own, *biases]
        states, final = torch.gru(phi, h.unsqueeze(0).contiguous(), weights, True, 1, 0.0, True, False, True)
        return states, [final[0]]


class LSTM(Cell):
    """c' = f c + i g, h' = o tanh(c')."""

    gates = 4
    hidden = ("h", "c")

    def start(self, output: Tensor) -> State:
        return (output, output, torch.zeros_like(output))

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        h, c = torch.lstm_cell(phi, [state[1], state[2]], *self._tensors())
        return Step((now.noise("s", h), h, c), phi)

    def _all(self, phi: Tensor, state: Sequence[Tensor], own: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        into, _, *biases = self._tensors()
        weights, first = [into, own, *biases], [s.unsqueeze(0).contiguous() for s in state]
        states, h, c = torch.lstm(phi, first, weights, True, 1, 0.0, True, False, True)
        return states, [h[0], c[0]]
