"""Microseconds of CPU time that a training loop adds to one optimizer step.

.venv/bin/python benchmarks/overhead.py

Every rival trains the same perceptron with AdamW on the same in-memory data, batch 32, one thread. The *step*
that Leyden is compared with is written by hand: gather a batch, forward, backward, update, and what Leyden
does in every step besides: loss and accuracy added up on the device, read every 50 steps, and gradients
looked at for NaN. Lightning's Trainer is compared with the bare loop, as it does none of that by itself.

Rivals take turns within one process; the quickest epoch of all rounds counts. CPU time instead of wall time,
because other programs on the machine would otherwise be measured too.
"""

from __future__ import annotations

import io
import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from interleave import Goal, finish, table

STEPS, BATCH, EPOCHS, ROUNDS = 320, 32, 5, 6  # steps of one epoch; the first epoch warms up
CLASSES = 10
SIZES = {"16-32-10": (16, 32), "64-256-256-10": (64, 256, 256), "128-512-512-10": (128, 512, 512)}


class Problem:
    """Data and a model of one size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        random = np.random.default_rng(0)
        self.widths = widths
        self.inputs = random.normal(size=(STEPS * BATCH, widths[0])).astype(np.float32)
        self.targets = random.integers(0, CLASSES, STEPS * BATCH)

    def model(self) -> nn.Module:
        """A new perceptron."""
        layers: list[nn.Module] = []
        for inner, outer in zip(self.widths, (*self.widths[1:], CLASSES), strict=True):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample once, in a new order, a batch at a time."""
        inputs, targets = torch.from_numpy(self.inputs), torch.from_numpy(self.targets)
        order = torch.randperm(len(inputs))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            yield inputs[rows], targets[rows]


class Watch(pl.Callback):
    """CPU time at the start of every epoch, and at the end of training."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.mark()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.mark()

    def mark(self) -> None:
        """Note the time."""
        self.marks.append(time.process_time())

    @property
    def micros(self) -> float:
        """A step's, in the quickest epoch after the first."""
        spans = [after - before for before, after in pairwise(self.marks)]
        return min(spans[1:]) / STEPS * 1e6


def bare(problem: Problem) -> float:
    """A hand-written loop, nothing measured."""
    model, watch = problem.model(), Watch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        watch.mark()
        for inputs, targets in problem.batches():
            optimizer.zero_grad()
            cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    watch.mark()
    return watch.micros


def measured(problem: Problem) -> float:
    """The same loop with loss and accuracy on the device, read every 50 steps, and a look for NaN."""
    model, watch = problem.model(), Watch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    parameters = list(model.parameters())
    sums, count = torch.zeros(3, dtype=torch.float64), 0
    for _ in range(EPOCHS):
        watch.mark()
        for inputs, targets in problem.batches():
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = cross_entropy(outputs, targets)
            loss.backward()
            norms = torch._foreach_norm([p.grad for p in parameters])
            if not math.isfinite(torch.linalg.vector_norm(torch.stack(norms))):
                raise ValueError("a gradient is not finite")
            optimizer.step()
            with torch.no_grad():
                right = (outputs.argmax(1) == targets).sum()
                sums += torch.stack(
                    [loss.detach().double() * BATCH, right.double(), torch.full_like(right, BATCH)]
                )
            count += 1
            if count % 50 == 0:
                sums.tolist()
                sums.zero_()
    watch.mark()
    return watch.micros


class Plain(pl.LightningModule):
    """The same model as people write it for Lightning."""

    def __init__(self, problem: Problem, log: bool) -> None:
        super().__init__()
        self.model, self.with_log = problem.model(), log

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = cross_entropy(self.model(batch[0]), batch[1])
        if self.with_log:
            self.log("loss", loss)
        return loss


class Loader:
    """A problem's batches as Lightning wants them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __len__(self) -> int:
        return STEPS

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.problem.batches()


BARE = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def lightning(problem: Problem, folder: Path, *, log: bool, **options: Any) -> float:
    """Lightning's Trainer with automatic optimisation."""
    watch = Watch()
    trainer = pl.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", devices=1, default_root_dir=folder, callbacks=[watch], **options
    )
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        trainer.fit(Plain(problem, log), Loader(problem))
    return watch.micros


def ours(problem: Problem, folder: Path, steps_per_call: int) -> float:
    """Leyden, with loss, accuracy, guard and a CSV tracker."""
    from _leyden_run import parts_of
    from leyden.backends.torch.fit import fit
    from leyden.runs.folder import RunFolder

    watch = Watch()
    parts = parts_of(problem.inputs, problem.targets, problem.model, BATCH, EPOCHS, steps_per_call, [watch])
    fit(parts, RunFolder(folder))
    return watch.micros


def rivals(problem: Problem, folder: Path) -> dict[str, Callable[[], float]]:
    """Everybody who trains one problem, by name."""
    new = iter(range(10**6))
    return {
        "bare loop": lambda: bare(problem),
        "loop with the same step": lambda: measured(problem),
        "Lightning, bare": lambda: lightning(problem, folder, log=False, **BARE),
        "Lightning, one self.log": lambda: lightning(problem, folder, log=True, **BARE),
        "Lightning, default": lambda: lightning(problem, folder, log=True),
        **{
            f"Leyden, steps_per_call {k}": lambda k=k: ours(problem, folder / str(next(new)), k)
            for k in (1, 8, 32)
        },
    }


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    goals: list[Goal] = []
    for size, widths in SIZES.items():
        problem = Problem(widths)
        with TemporaryDirectory() as folder:
            took = {name: float("inf") for name in rivals(problem, Path(folder))}
            for turn in range(int(os.environ.get("ROUNDS", ROUNDS))):
                for name, work in rivals(problem, Path(folder) / str(turn)).items():
                    took[name] = min(took[name], work())
        base, step = took["bare loop"], took["loop with the same step"]
        rows = [(name, f"{t:.0f}", f"{t - base:+.0f}", f"{t - step:+.0f}") for name, t in took.items()]
        print(f"\nPerceptron {size}, µs a step")
        print(table(("", "a step", "over the bare loop", "over the same step"), rows))
        for k, limit in ((32, 30.0), (8, 60.0)):
            over = took[f"Leyden, steps_per_call {k}"] - step
            goals.append(
                Goal(what=f"{size}: µs over the same step, steps_per_call {k}", value=over, at_most=limit)
            )
        lightnings = took["Lightning, bare"] - base
        over = took["Leyden, steps_per_call 1"] - step
        goals.append(
            Goal(
                what=f"{size}: µs over the same step, steps_per_call 1 (Lightning's over its)",
                value=over,
                at_most=lightnings,
            )
        )
    finish("overhead", goals)


if __name__ == "__main__":
    main()
