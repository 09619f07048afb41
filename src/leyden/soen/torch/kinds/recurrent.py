"""Recurrent cells of one layer, as torch has them: RNN, GRU, LSTM."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from ..layer import Birth, Layer, Now, State, Step


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


class Cell(Layer):
    """A recurrent cell. Noise acts on what is shown; the state that the cell carries on has none."""

    gates: ClassVar[int] = 1
    hidden = ("h",)

    def __init__(self, birth: Birth) -> None:
        super().__init__(birth)
        self.module = Weights(self.params.dim, self.gates, birth.generator)
        self.core = self.module  # files of the original have the same tensors under both names

    def start(self, output: Tensor) -> State:
        return (output, output)

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        h = self._next(phi, state[1])
        return Step((now.noise("s", h), h), phi)

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        raise NotImplementedError

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        m = self.module
        return m.weight_ih_l0, m.weight_hh_l0, m.bias_ih_l0, m.bias_hh_l0


class RNN(Cell):
    """h' = tanh(W_ih phi + b_ih + W_hh h + b_hh)."""

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        return torch.rnn_tanh_cell(phi, h, *self._tensors())


class GRU(Cell):
    """h' = (1 - z) n + z h, n = tanh(W_in phi + b_in + r (W_hn h + b_hn))."""

    gates = 3

    def _next(self, phi: Tensor, h: Tensor) -> Tensor:
        return torch.gru_cell(phi, h, *self._tensors())


class LSTM(Cell):
    """c' = f c + i g, h' = o tanh(c')."""

    gates = 4
    hidden = ("h", "c")

    def start(self, output: Tensor) -> State:
        return (output, output, torch.zeros_like(output))

    def step(self, phi: Tensor, state: State, now: Now) -> Step:
        h, c = torch.lstm_cell(phi, [state[1], state[2]], *self._tensors())
        return Step((now.noise("s", h), h, c), phi)
