"""A small run that has everything: dropout, a split, a schedule, metrics, validation."""

from __future__ import annotations

from pathlib import Path

import pytest

RUN = """\
name: blobs
seed: 3
data:
  train: {type: toy, samples: 101, noise: 1.5}
  split: {type: random, val: 20, test: 10}
  batch_size: 16
model: {type: mlp, hidden: [12], dropout: 0.3}
task: classification
loss: {type: cross_entropy, label_smoothing: 0.1}
metrics: [accuracy, f1]
optimizer: {type: adamw, lr: 1e-2}
schedules: {lr: {type: cosine, warmup: 1 epoch, min: 1e-4}}
trainer: {max_epochs: 3, log_every_n_steps: 2, gradient_clip_val: 1.0}
checkpoint: {monitor: val/loss}
trackers: [tensorboard]
"""


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run file in a folder of its own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.yaml"
    file.write_text(RUN)
    return file
