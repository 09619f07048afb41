"""One small run, trained once for all tests of the commands that use a trained run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from leyden.cli.main import main

RUN = """\
name: blobs
folder: {{root: {root}}}
data:
  train: {{type: toy, kind: blobs, samples: 96}}
  val: {{type: toy, kind: blobs, samples: 32, draw: 1}}
  test: {{type: toy, kind: blobs, samples: 21, draw: 2}}
  batch_size: 32
model: {{type: mlp, hidden: [16]}}
task: classification
loss: cross_entropy
metrics: [accuracy]
optimizer: {{type: adamw, lr: 0.01}}
trainer: {{max_epochs: 4, enable_progress_bar: false, accelerator: cpu}}
checkpoint: {{monitor: val/accuracy, mode: max}}
trackers: [csv]
"""


@dataclass(frozen=True)
class Example:
    """A run file and where its runs go."""

    file: Path
    root: Path

    @property
    def folder(self) -> Path:
        """The run folder, of which there is one."""
        [folder] = self.root.glob("project_*/experiment_*/group_*")
        return folder


def written(home: Path) -> Example:
    """The example's run file in ``home``."""
    file = home / "run.yaml"
    file.write_text(RUN.format(root=home / "runs"))
    return Example(file, home / "runs")


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """A run file that was not trained yet."""
    return written(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A trained run; to be looked at, not to be changed."""
    example = written(tmp_path_factory.mktemp("trained"))
    assert main(["train", str(example.file)]) == 0
    return example
