"""The multilayer perceptron."""

from __future__ import annotations

import torch

from leyden.models.mlp import mlp
from leyden.models.model import Interface
from leyden.models.nets.parameters import num_parameters


def test_the_number_of_parameters_is_that_of_its_layers() -> None:
    interface = Interface(input_shape=(3, 4), input_dtype="float32", num_outputs=2)
    assert num_parameters(mlp(interface, hidden=[10, 7])) == 12 * 10 + 10 + 10 * 7 + 7 + 7 * 2 + 2


def test_no_hidden_layer_is_a_linear_model() -> None:
    interface = Interface(input_shape=(3,), input_dtype="float32", num_outputs=2)
    net = mlp(interface, hidden=[])
    x = torch.randn(5, 3)
    torch.testing.assert_close(net(x), x @ net.head.weight.T + net.head.bias)


def test_one_number_a_sample_is_an_input() -> None:
    net = mlp(Interface(input_shape=(), input_dtype="float32", num_outputs=1), hidden=[4])
    assert net(torch.randn(5)).shape == (5, 1)
