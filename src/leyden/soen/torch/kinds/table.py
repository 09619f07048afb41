"""Which class computes which kind of layer."""

from __future__ import annotations

from ... import layers
from ..layer import Birth, Layer
from .dendrite import SingleDendrite, Soma
from .gated import LeakyGRU, MinGRU
from .multiplier import MultiplierNOCC, MultiplierWICC
from .recurrent import GRU, LSTM, RNN
from .static import Linear, NonLinear, Readout, ScalingLayer, Softmax, Synapse

CLASSES: dict[type[layers.LayerParams], type[Layer]] = {
    layers.SingleDendrite: SingleDendrite,
    layers.Soma: Soma,
    layers.MultiplierWICC: MultiplierWICC,
    layers.MultiplierNOCC: MultiplierNOCC,
    layers.Readout: Readout,
    layers.NonLinear: NonLinear,
    layers.Linear: Linear,
    layers.ScalingLayer: ScalingLayer,
    layers.Softmax: Softmax,
    layers.Synapse: Synapse,
    layers.RNN: RNN,
    layers.GRU: GRU,
    layers.LSTM: LSTM,
    layers.MinGRU: MinGRU,
    layers.LeakyGRU: LeakyGRU,
}


def make(birth: Birth) -> Layer:
    """The layer that a description asks for."""
    return CLASSES[type(birth.spec.params)](birth)
