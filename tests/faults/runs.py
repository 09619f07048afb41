"""The runs that fault tests kill: small, with everything random in them that a run can have."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from leyden.backends.torch import staging
from leyden.data.sources.toy import ToyDataset
from leyden.main import train as main_train
from leyden.runs import manifest
from leyden.runs.folder import RunFolder
from leyden.spec import load

RUN = """\
name: fault
seed: 11
folder: {group: one}
data:
  train: {type: toy, samples: 101, transforms: [{type: noise, std: 0.1}]}
  val: {type: toy, samples: 31, draw: 1}
  batch_size: 16
  eval_batch_size: 7
model: {type: mlp, hidden: [16], dropout: 0.2}
task: {type: classification, num_classes: 3}
loss: cross_entropy
metrics: [accuracy]
optimizer: {type: adamw, lr: 0.01}
schedules: {lr: {type: cosine, min: 1.0e-4}}
trainer: {max_epochs: 3, log_every_n_steps: 3, accelerator: cpu, enable_progress_bar: false}
checkpoint: {every: 4 steps}
trackers: []
"""

#: name -> what it sets beyond `RUN`
VARIANTS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "micro_batches_average": ("data.micro_batch_size=3", "ema={decay: 0.9}", "checkpoint.every=3 steps"),
    "four_steps_a_call": (
        "trainer.steps_per_call=4",
        "trainer.val_check_interval=5 steps",
        "checkpoint.every=5 steps",
    ),
    "max_steps": ("trainer.max_steps=17", "checkpoint.every=2 steps", "trainer.gradient_clip_val=0.5"),
    "early_stopping": (
        "trainer.max_epochs=9",
        "callbacks=[{type: early_stopping, monitor: val/loss, patience: 2, min_delta: 5.0}]",
        "trainer.val_check_interval=3 steps",
    ),
    "plateau_and_best": (
        "schedules={lr: {type: plateau, monitor: val/loss, patience: 1, threshold: 0.5}}",
        "checkpoint={monitor: val/loss, mode: min, save_top_k: 2, every: 5 steps}",
        "trainer.val_check_interval=3 steps",
    ),
    "two_workers": ("data.num_workers=2",),
}


def steps_a_call(variant: str) -> int:
    """Steps between two borders at most."""
    return 4 if variant == "four_steps_a_call" else 1


def write(folder: Path) -> Path:
    """Put the run file into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "run.yaml"
    file.write_text(RUN)
    return file


def train(folder: Path, variant: str, *more: str) -> int:
    """What ``leyden train`` does with the run in ``folder``; its exit code."""
    words = (f"folder.root={folder}", *VARIANTS[variant], *more)
    staging.SMALL = 0  # as small as these runs are, their tensors are copied beside the loop, too
    # a source that pretends to need decoding, so that worker processes make its batches
    ToyDataset.in_memory = variant != "two_workers"
    try:
        return main_train.train(load(write(folder), words, environ={})).exit_code
    finally:
        ToyDataset.in_memory = True


def home(folder: Path) -> RunFolder:
    """The run folder of a run that was trained in ``folder``."""
    return RunFolder(folder / "project_default" / "experiment_fault" / "group_one")


def warm_up(folder: Path) -> None:
    """Train once in this process, so that those forked from it have imported everything.

    What takes a moment and has no part in what is tested is left out: the list of packages, and pictures.
    """
    found = manifest.packages()
    manifest.packages = lambda: found
    main_train._draw = lambda folder: None
    assert train(folder, "plain") == 0


def ended(folder: Path) -> dict[str, Any]:
    """All that two runs must have in common, to the last bit: everything but times and where they are."""
    run = home(folder)
    found = run.index(0).newest_good()
    assert found.entry is not None and not found.damaged
    checkpoint = torch.load(run.index(0).path(found.entry), weights_only=True)
    leyden = checkpoint["leyden"] = dict(checkpoint["leyden"])
    leyden.pop("seconds")
    leyden["run"] = {**leyden["run"], "folder": None}
    (row,) = run.rows()
    return {
        "checkpoint": checkpoint,
        "metrics.csv": (run.logs(0) / "metrics.csv").read_text(),
        "row": (row.status, row.steps, row.epochs, dict(row.metrics), row.weights_sha256, row.reason),
    }


def position(folder: Path) -> Mapping[str, Any]:
    """Where the newest checkpoint stands: ``step`` and ``pending``."""
    index = home(folder).index(0)
    entry = index.newest_good().entry
    assert entry is not None
    return copy.copy(torch.load(index.path(entry), weights_only=True)["leyden"]["session"]["position"])
