"""A kind of parts made for these tests, and run files to start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leyden.spec import Run, RunFileError, load
from tests.spec.gadgets import GADGET

FILES = Path(__file__).parent / "files"

PLAIN = """\
name: plain
data:
  train: {type: toy, kind: blobs}
  split: {type: random, val: 0.2}
  batch_size: 32
model: {type: mlp, hidden: [8]}
task: classification
loss: cross_entropy
metrics: [accuracy]
optimizer: {type: adamw, lr: 1e-3}
trainer:
  max_epochs: 2
checkpoint: {monitor: val/accuracy, mode: max}
"""


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in messages are as short as people see them, and no `.env` of a developer is read."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded() -> Callable[..., Run]:
    """Loads a run file from its text: `loaded(text, overrides, environ=...)`."""

    def from_text(text: str = PLAIN, *args: Any, name: str = "run.yaml", **kwargs: Any) -> Run:
        Path(name).write_text(text)
        return load(name, *args, **{"environ": {}, **kwargs})

    return from_text


@pytest.fixture
def refused(loaded: Callable[..., Run]) -> Callable[..., RunFileError]:
    """The error of a run file that must be refused."""

    def from_text(*args: Any, **kwargs: Any) -> RunFileError:
        with pytest.raises(RunFileError) as caught:
            loaded(*args, **kwargs)
        return caught.value

    return from_text


@pytest.fixture
def gadget() -> Any:
    """The kind that `tests.spec.gadgets` fills."""
    return GADGET
