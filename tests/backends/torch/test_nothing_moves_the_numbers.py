"""Workers, progress, trackers, validation and callbacks do not change what is trained."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden.backends.torch.trainer import SETTINGS
from leyden.callbacks.callback import Callback, Fit
from leyden.callbacks.device_stats import DeviceStats
from leyden.callbacks.learning_rate_monitor import LearningRateMonitor
from leyden.callbacks.throughput import Throughput
from leyden.spec.trainer import Trainer
from tests.backends.torch.toy import Decoded, Lines, toy_parts, train


class Gambler(Callback):
    """Draws from every global generator."""

    def on_step_end(self, fit: Fit, /) -> None:
        random.random(), np.random.rand(), torch.rand(3)

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        torch.rand(3)


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
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_weights_are_equal_bit_by_bit(what: str, digest: str, tmp_path: Path) -> None:
    assert train(toy_parts(**{"trackers": [Lines()], **OTHERWISE[what]}), tmp_path).weights_sha256 == digest


def test_another_seed_does_change_them(digest: str, tmp_path: Path) -> None:
    assert train(toy_parts(seed=8), tmp_path).weights_sha256 != digest


def test_every_trainer_setting_has_somebody_who_makes_it_so() -> None:
    assert SETTINGS.keys() == Trainer.model_fields.keys()
