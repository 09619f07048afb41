"""A tiny run, small enough to be trained a hundred times in a minute."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from leyden.backends.outcome import Outcome
from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.data.plan import Plan
from leyden.data.samplers.shuffle import Shuffle
from leyden.data.sources.toy import ToyDataset
from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.objective import Objective
from leyden.metrics.accuracy import Accuracy
from leyden.runs.folder import RunFolder
from leyden.schedules.schedule import Horizon, Schedule
from leyden.spec.sections import Checkpoint, Ema
from leyden.spec.trainer import Trainer
from leyden.tasks.classification import Classification
from leyden.trackers.tracker import Tracker

SAMPLES, BATCH = 101, 16  # 7 steps an epoch, the last with 5 samples


class Net(nn.Module):
    """Two layers with dropout."""

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Decoded(ToyDataset):
    """Blobs that pretend to need decoding, so that worker processes make the batches."""

    in_memory = False


class Lines(Tracker):
    """One JSON line a record; goes on from a byte offset."""

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = (folder / "lines.jsonl").open("ab")
        self.file.truncate(int(state.get("offset", 0)))
        self.file.seek(0, 2)

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        self.file.write((json.dumps({"step": step, **values}) + "\n").encode())

    def state(self) -> dict[str, Any]:
        self.file.flush()
        return {"offset": self.file.tell()}

    def close(self) -> None:
        self.file.close()


class Declining(Schedule):
    """Declines linearly to a tenth."""

    def value(self, step: int, base: float, horizon: Horizon, /) -> float:
        return base * (1 - 0.9 * step / horizon.steps)


def toy_run(**settings: Any) -> Any:
    """The sections of a run file that a backend reads, from mappings of their keys."""
    data = {
        "micro_batch_size": "auto",
        "batch_size": BATCH,
        "eval_batch_size": 7,
        "num_workers": 0,
        "prefetch_factor": None,
        "persistent_workers": None,
        "pin_memory": False,
    }
    return SimpleNamespace(
        trainer=Trainer(
            **{
                "max_epochs": 3,
                "log_every_n_steps": 3,
                "accelerator": "cpu",
                "enable_progress_bar": False,
                **settings.get("trainer", {}),
            }
        ),
        checkpoint=Checkpoint(**settings.get("checkpoint", {})),
        model=SimpleNamespace(part=SimpleNamespace(foreign=settings.get("foreign", False), target=object)),
        ema=Ema(**settings["ema"]) if "ema" in settings else None,
        data=SimpleNamespace(**{**data, **settings.get("data", {})}),
        tree=lambda: {"name": "toy"},
    )


def toy_parts(
    *,
    model: Callable[[], Any] = Net,
    optimizer: Callable[[Any], Any] = lambda m: torch.optim.AdamW(m.parameters(), lr=0.01),
    schedules: Mapping[str, Schedule] | None = None,
    terms: Mapping[str, Any] | None = None,
    callbacks: list[Any] | None = None,
    trackers: list[Any] | None = None,
    source: type[ToyDataset] = ToyDataset,
    samples: int = SAMPLES,
    seed: int = 7,
    **settings: Any,
) -> Parts:
    """Parts of a run on made-up blobs."""
    run = toy_run(**settings)
    trainer = run.trainer
    interval = trainer.val_check_interval
    plan = Plan(
        samples=samples,
        batch_size=run.data.batch_size,
        steps_per_call=trainer.steps_per_call,
        max_steps=trainer.max_steps,
        max_epochs=-1 if trainer.max_epochs is None else trainer.max_epochs,
        validate_every_steps=0 if interval is None else int(interval.value),
        validate_every_epochs=0 if interval is not None else trainer.check_val_every_n_epoch,
    )
    horizon = Horizon(steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
    return Parts(
        run=run,
        repeat=0,
        seed=seed,
        train=Dataset(source(samples=samples)),
        val=Dataset(ToyDataset(samples=31, draw=1)),
        test=Dataset(ToyDataset(samples=31, draw=2)),
        info=ToyDataset(samples=samples).info(),
        plan=plan,
        sampler=Shuffle(),
        task=Classification(num_classes=3),
        objective=Objective(terms or {"ce": CrossEntropy()}, {}, horizon),
        metrics={"accuracy": Accuracy()},
        make_model=model,
        make_optimizer=optimizer,
        schedules={"lr": Declining()} if schedules is None else dict(schedules),
        callbacks=callbacks or [],
        trackers=[Lines()] if trackers is None else trackers,
    )


def train(parts: Parts, folder: Path) -> Outcome:
    """Fit ``parts`` in a run folder at ``folder``."""
    from leyden.backends.torch import staging
    from leyden.backends.torch.fit import fit

    staging.SMALL = 0  # as small as these runs are, their tensors are copied beside the loop, too
    return fit(lambda: parts, RunFolder(folder))


def records(folder: Path) -> list[dict[str, float]]:
    """What the tracker of `toy_parts` was given."""
    return [
        json.loads(line) for line in (folder / "logs" / "repeat_0" / "lines.jsonl").read_text().splitlines()
    ]


def newest(folder: Path) -> dict[str, Any]:
    """The newest checkpoint."""
    index = RunFolder(folder).index(0)
    entry = index.newest_good().entry
    assert entry is not None
    return torch.load(index.path(entry), weights_only=True)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of the newest checkpoint."""
    return newest(folder)["state_dict"]
