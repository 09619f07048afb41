"""Milliseconds that the training loop waits for a checkpoint, per 100 MB, beside `torch.save`.

.venv/bin/python benchmarks/checkpoint.py

A perceptron with AdamW is trained; each save begins after the one before is on disk, and its time is what the
loop waits: gathering the state, copying its tensors, starting the writer. `torch.save` gets the same content
and a new file each time, as checkpoints do, without waiting for the disk at all. Steps that run beside the
writer share the machine with it, so they are told as well.
"""

from __future__ import annotations

import os
import time
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

from _leyden_run import parts_of
from interleave import Goal, finish, seconds, table
from leyden.backends.torch import keeper as keeping
from leyden.backends.torch.fit import fit
from leyden.callbacks.callback import Callback, Fit
from leyden.runs.folder import RunFolder
from leyden.spec.durations import Duration
from leyden.spec.sections import Checkpoint

EPOCHS, BATCH, EVERY = 10, 16, 12
WIDTHS = {"small, 1 MB": (64, 280, 280, 10), "100 MB": (64, 2900, 2900, 10)}


class Waits:
    """Times every `Keeper.save` while entered."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._save = keeping.Keeper.save

    def __enter__(self) -> Waits:
        waits, save = self, self._save

        def timed(self: keeping.Keeper) -> None:
            self.saver.wait()
            waits.taken.append(seconds(lambda: save(self)))

        keeping.Keeper.save = timed
        return self

    def __exit__(self, *error: object) -> None:
        keeping.Keeper.save = self._save


class Steps(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, fit: Fit, /) -> None:
        self.times.append(time.perf_counter())

    @property
    def typical(self) -> float:
        """Median seconds of a step that no save comes before or in."""
        return float(np.median(np.diff(self.times)[EVERY // 2 :: EVERY]))

    @property
    def beside(self) -> float:
        """Median seconds of the step after the one in which a save began: the writer is at work."""
        return float(np.median(np.diff(self.times)[EVERY::EVERY]))


def perceptron(widths: tuple[int, ...]) -> nn.Module:
    """Linear layers with ReLU between."""
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def trained(widths: tuple[int, ...], folder: Path, every: int) -> tuple[list[float], Steps]:
    """Train; gives seconds of every save but the first, which allocates, and the times of the steps."""
    random, steps = np.random.default_rng(0), Steps()
    inputs = random.normal(size=(EVERY * BATCH, widths[0])).astype(np.float32)
    targets = random.integers(0, widths[-1], len(inputs))
    parts = parts_of(inputs, targets, lambda: perceptron(widths), BATCH, EPOCHS, 1, [steps])
    settings: Any = parts.run
    settings.checkpoint = Checkpoint(every=Duration(every, "steps"))
    with Waits() as waits:
        fit(lambda: parts, RunFolder(folder))
    return waits.taken[1:], steps


def measured(widths: tuple[int, ...], folder: Path) -> tuple[float, float, float, float, float, float]:
    """MB; least ms of a save, of `torch.save`, of it with fsync; ms of a step, and beside the writer."""
    waits, steps = trained(widths, folder, EVERY)
    index = RunFolder(folder).index(0)
    entry = index.entries()[-1]
    content = torch.load(index.path(entry), weights_only=True)

    def save(number: int) -> None:
        torch.save(content, folder / f"{number}.ckpt")

    def save_and_sync(number: int) -> None:
        save(number)
        with (folder / f"{number}.ckpt").open("rb") as opened:
            os.fsync(opened.fileno())

    plain = min(seconds(partial(save, number)) for number in range(6))
    synced = min(seconds(partial(save_and_sync, number)) for number in range(6, 10))
    times = (min(waits), plain, synced, steps.typical, steps.beside)
    return entry.bytes / 1e6, *(one * 1e3 for one in times)  # type: ignore[return-value]


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows: list[tuple[object, ...]] = []
    share = 0.0
    for size, widths in WIDTHS.items():
        with TemporaryDirectory() as folder:
            mb, ours, plain, synced, step, beside = measured(widths, Path(folder))
        rows.append((size, mb, ours, plain, synced, plain / ours, step, beside))
        per, share = 100 / mb, plain / ours
        blocked = ours * per
    heads = ("checkpoint", "MB", "loop waits, ms", "torch.save, ms", "and fsync, ms", "ratio", "a step, ms")
    print(table((*heads, "beside the writer, ms"), rows))
    print(f"\nPer 100 MB the loop waits {blocked:.3g} ms.\n")
    finish(
        "checkpoint",
        [Goal(what="torch.save / what the loop waits, per 100 MB", value=share, at_least=15)],
    )


if __name__ == "__main__":
    main()
