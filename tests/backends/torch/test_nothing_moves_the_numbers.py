"""Workers, progress, trackers, validation and callbacks do not change what is trained."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from leyden.backends.torch.trainer import SETTINGS
from leyden.callbacks.callback import Callback, Fit
from leyden.callbacks.device_stats import DeviceStats
from leyden.callbacks.learning_rate_monitor import LearningRateMonitor
from leyden.callbacks.throughput import Throughput
from leyden.spec.trainer import Trainer
from tests.backends.torch.toy import Decoded, Lines, Net, toy_parts, train


class Gambler(Callback):
    """Draws from every global generator."""

    def on_step_end(self, fit: Fit, /) -> None:
        random.random(), np.random.rand(), torch.rand(3)

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        torch.rand(3)


class Probed(Net):
    """With hooks that look at every output and at its gradient, and draw while they do."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []
        for layer in self.layers:
            layer.register_forward_hook(lambda module, inputs, output: self.look(output))
        for layer in self.layers[1:]:
            layer.register_full_backward_hook(lambda module, into, out: self.look(out[0]))

    def look(self, values: torch.Tensor) -> None:
        self.seen.append(float(values.detach().norm()))
        with torch.random.fork_rng():
            torch.rand(3)


class Frozen(Net):
    """The first layer is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[0].requires_grad_(False)


class Constant(nn.Module):
    """A linear layer whose weights are constants."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach())
        self.register_buffer("bias", layer.bias.detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


class NeverTrained(Net):
    """What `Frozen` is without freezing: its first layer has nothing to train."""

    def __init__(self) -> None:
        super().__init__()
        first = self.layers[0]
        assert isinstance(first, nn.Linear)
        self.layers[0] = Constant(first)


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    return train(toy_parts(), tmp_path_factory.mktemp("plain")).weights_sha256


OTHERWISE: dict[str, dict[str, Any]] = {
    "without trackers": {"trackers": []},
    "with progress": {"trainer": {"enable_progress_bar": True}},
    "with callbacks": {"callbacks": [Gambler(), Throughput(), LearningRateMonitor(every=1), DeviceStats()]},
    "with two workers": {"source": Decoded, "data": {"num_workers": 2}},
    "without workers": {"source": Decoded},
    "with validations in between": {"trainer": {"val_check_interval": "2 steps"}},
    "with other readings": {"trainer": {"log_every_n_steps": 1}},
    "five steps a call": {"trainer": {"steps_per_call": 5}},
    "with other saves": {"checkpoint": {"every": "1 step", "save_top_k": -1}},
    "with a profiler": {"trainer": {"profiler": "simple"}},
    "with probes": {"model": Probed},
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_weights_are_equal_bit_by_bit(what: str, digest: str, tmp_path: Path) -> None:
    assert train(toy_parts(**{"trackers": [Lines()], **OTHERWISE[what]}), tmp_path).weights_sha256 == digest


def test_what_is_frozen_stays_and_the_rest_learns_as_if_it_were_constant(digest: str, tmp_path: Path) -> None:
    frozen, constant = (
        train(toy_parts(model=model), tmp_path / model.__name__).weights_sha256
        for model in (Frozen, NeverTrained)
    )
    assert frozen == constant != digest


def test_another_seed_does_change_them(digest: str, tmp_path: Path) -> None:
    assert train(toy_parts(seed=8), tmp_path).weights_sha256 != digest


def test_every_trainer_setting_has_somebody_who_makes_it_so() -> None:
    assert SETTINGS.keys() == Trainer.model_fields.keys()
