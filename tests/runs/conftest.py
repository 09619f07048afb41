"""A small real run file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.spec import Run, load

TEXT = """\
name: digits  # a remark that must survive
data: {train: {type: toy}}
model: mlp
task: {type: classification, num_classes: 2}
loss: cross_entropy
optimizer: {type: adamw, lr: 3e-4}
schedules: {lr: {type: cosine, warmup: 5 %, min: 1e-05}}
trainer: {max_epochs: 2}
checkpoint: {monitor: train/loss, save_top_k: 2}
trackers: [csv]
"""

Load = Callable[..., Run]


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def load_run(run_file: Path) -> Load:
    """Loads the run file, with overrides."""
    return lambda *overrides: load(run_file, overrides, environ={})
