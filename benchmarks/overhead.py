"""Microseconds of CPU time that a training loop adds to one optimizer step.

.venv/bin/python benchmarks/overhead.py            about three minutes on a quiet machine
.venv/bin/python benchmarks/overhead.py --quick    one minute, to see where it stands

Every rival trains the same perceptron with fused AdamW on the same in-memory data, batch 32, one thread. The
*step* that Leyden is compared with is written by hand: gather a batch, forward, backward, update, and what
Leyden does in every step besides: loss and accuracy added up, read every 50 steps, and gradients looked at
for NaN. Lightning's Trainer is compared with the bare loop, as it does none of that by itself.

Sizes and rivals take turns within one process; the quickest 64 steps of all rounds count, because the least
is what the code costs. CPU time instead of wall time, because other programs would otherwise be measured too.
"""

from __future__ import annotations

import gc
import io
import logging
import math
import os
import sys
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
from leyden.callbacks.callback import Callback, Fit

STEPS, BATCH, EPOCHS = 256, 32, 3  # steps of one epoch; the first epoch warms up
SPAN = 64  # steps that are timed together: short, so that some of them meet a quiet machine
ROUNDS, QUICK = 6, 2
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


class Clock(Callback):
    """CPU time at every `SPAN` steps; Leyden calls it after every window."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_step_end(self, fit: Fit, /) -> None:
        self.tick(fit.step)

    def tick(self, steps: int) -> None:
        """``steps`` are done."""
        if steps % SPAN == 0:
            self.marks.append(time.process_time())

    @property
    def micros(self) -> float:
        """A step's, in the quickest span after the first epoch."""
        spans = [after - before for before, after in pairwise(self.marks)]
        return min(spans[STEPS // SPAN - 1 :]) / SPAN * 1e6


class Watch(pl.Callback):
    """A clock for Lightning."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.clock.tick(trainer.global_step)


def bare(problem: Problem) -> float:
    """A hand-written loop, nothing measured."""
    model, clock = problem.model(), Clock()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for _ in range(EPOCHS):
        for step, (inputs, targets) in enumerate(problem.batches(), 1):
            optimizer.zero_grad()
            cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            clock.tick(step)
    return clock.micros


def measured(problem: Problem) -> float:
    """The same loop with sums of loss and accuracy, read every 50 steps, and a look for NaN."""
    model, clock = problem.model(), Clock()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    parameters = list(model.parameters())
    sums, count = torch.zeros(2, dtype=torch.float64), 0
    for _ in range(EPOCHS):
        for step, (inputs, targets) in enumerate(problem.batches(), 1):
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
                sums += torch.stack([loss * BATCH, right])
            count += 1
            if count % 50 == 0:
                sums.tolist()
                sums.zero_()
            clock.tick(step)
    return clock.micros


class Plain(pl.LightningModule):
    """The same model as people write it for Lightning."""

    def __init__(self, problem: Problem, log: bool) -> None:
        super().__init__()
        self.model, self.with_log = problem.model(), log

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, fused=True)

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
    clock = Clock()
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        devices=1,
        default_root_dir=folder,
        callbacks=[Watch(clock)],
        **options,
    )
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        trainer.fit(Plain(problem, log), Loader(problem))
    return clock.micros


def ours(problem: Problem, folder: Path, steps_per_call: int) -> float:
    """Leyden, with loss, accuracy, guard and a CSV tracker."""
    from _leyden_run import parts_of
    from leyden.backends.torch.fit import fit
    from leyden.runs.folder import RunFolder

    clock = Clock()
    parts = parts_of(problem.inputs, problem.targets, problem.model, BATCH, EPOCHS, steps_per_call, [clock])
    fit(lambda: parts, RunFolder(folder))
    return clock.micros


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


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a step of every rival, by size."""
    problems = {size: Problem(widths) for size, widths in SIZES.items()}
    took: dict[str, dict[str, float]] = {size: {} for size in SIZES}
    for _ in range(rounds):
        for size, problem in problems.items():
            with TemporaryDirectory() as folder:
                for name, work in rivals(problem, Path(folder)).items():
                    gc.collect()  # what another rival left behind
                    took[size][name] = min(took[size].get(name, math.inf), work())
    return took


def goals(size: str, took: dict[str, float]) -> list[Goal]:
    """What was promised of one size."""
    bare_loop, same_step = took["bare loop"], took["loop with the same step"]
    limits = {32: 30.0, 8: 60.0, 1: took["Lightning, bare"] - bare_loop}
    return [
        Goal(
            what=f"{size}: µs over the same step, steps_per_call {k}" + " (Lightning's over its)" * (k == 1),
            value=took[f"Leyden, steps_per_call {k}"] - same_step,
            at_most=limit,
        )
        for k, limit in limits.items()
    ]


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    results = measure(QUICK if "--quick" in sys.argv[1:] else ROUNDS)
    for size, took in results.items():
        base, step = took["bare loop"], took["loop with the same step"]
        rows = [(name, f"{t:.0f}", f"{t - base:+.0f}", f"{t - step:+.0f}") for name, t in took.items()]
        print(f"\nPerceptron {size}, µs a step")
        print(table(("", "a step", "over the bare loop", "over the same step"), rows))
    finish("overhead", [goal for size, took in results.items() for goal in goals(size, took)])


if __name__ == "__main__":
    main()
