"""Milliseconds that the training loop waits for a checkpoint, per 100 MB, beside `torch.save`.

.venv/bin/python benchmarks/checkpoint.py

A perceptron with AdamW is trained and saved now and then. What the loop waits is all that its thread spends
in saving, wherever it does: gathering the state, copying what must be copied at once, waiting for the writer
of the checkpoint before, and waiting before the next update until all copies are made. `torch.save` gets the
same content and a new file each time, as checkpoints do, without waiting for the disk at all, and with.

The writer shares cores, memory and the interpreter with the loop, so a run takes longer than the loop waits.
Half of the steps between two saves begin with one, the other half come once the writer is done: the
difference of their times is what a save costs a run in all.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

from _leyden_run import parts_of
from interleave import Goal, finish, seconds, table
from leyden.backends.torch.fit import fit
from leyden.backends.torch.keeper import Keeper
from leyden.backends.torch.saver import Saver
from leyden.callbacks.callback import Callback, Fit
from leyden.runs.folder import RunFolder
from leyden.spec.durations import Duration
from leyden.spec.sections import Checkpoint

SAVES, EVERY = 10, 32  # steps between saves: the writer is done in less than half of them


class Net(nn.Sequential):
    """What somebody wrote themselves: its forward pass could write weights."""


@dataclass(frozen=True)
class Case:
    """A model and how it is trained; few samples a step leave little time to copy in."""

    name: str
    widths: tuple[int, ...]
    batch: int = 16
    kind: Callable[..., nn.Module] = nn.Sequential


BIG = (64, 2900, 2900, 10)
CASES = [
    Case("1 MB", (64, 280, 280, 10)),
    Case("100 MB", BIG),
    Case("100 MB, 150 layers", (64, *[240] * 150, 10)),
    Case("100 MB, one sample a step", BIG, batch=1),
    Case("100 MB, a user's own module", BIG, kind=Net),
]
GOAL = "100 MB"


class Waits:
    """Times whatever the loop waits for saves, while entered; a save and all waits until the next are one."""

    def __init__(self) -> None:
        self.in_save: list[float] = []
        self.later: list[float] = []
        self._inside = False
        self._methods = {(Keeper, "save"), (Saver, "release"), (Saver, "wait"), (Saver, "look")}
        self._before = {(owner, name): getattr(owner, name) for owner, name in self._methods}

    def __enter__(self) -> Waits:
        for owner, name in self._methods:
            setattr(owner, name, self._timed(name, self._before[owner, name]))
        return self

    def __exit__(self, *error: object) -> None:
        for (owner, name), method in self._before.items():
            setattr(owner, name, method)

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(this: Any) -> Any:
            if self._inside:
                return method(this)
            self._inside, start = True, time.perf_counter()
            try:
                return method(this)
            finally:
                took, self._inside = time.perf_counter() - start, False
                self._add(name, took)

        return timed

    def _add(self, name: str, took: float) -> None:
        if name == "save":
            self.in_save.append(took)
            self.later.append(0.0)
        elif self.later:
            self.later[-1] += took


class Steps(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, fit: Fit, /) -> None:
        self.times.append(time.perf_counter())

    @property
    def typical(self) -> float:
        """Median seconds of a step while nothing is written."""
        took = np.diff(self.times)
        return float(np.median([took[i] for i in range(len(took)) if i % EVERY >= EVERY // 2]))

    @property
    def longer(self) -> list[float]:
        """Seconds by which the steps with each save took longer than as many without; not of the first."""
        ends = self.times[EVERY - 1 :: EVERY // 2]  # a save comes right after every other one of them
        halves = [after - before for before, after in pairwise(ends)]
        return [saved - without for saved, without in zip(halves[2::2], halves[3::2], strict=False)]


@dataclass(frozen=True)
class Measured:
    """Seconds; of all saves but the first, which is told apart, and the last, which waits for its file."""

    mb: float
    first: float
    in_save: list[float]
    later: list[float]
    plain: list[float]
    synced: list[float]
    longer: list[float]
    step: float

    @property
    def waits(self) -> list[float]:
        """What the loop waits for each save in all."""
        return [now + then for now, then in zip(self.in_save, self.later, strict=True)]


def trained(case: Case, folder: Path) -> tuple[Waits, Steps]:
    """Train with a save every so many steps."""
    random, steps = np.random.default_rng(0), Steps()
    inputs = random.normal(size=(EVERY * case.batch, case.widths[0])).astype(np.float32)
    targets = random.integers(0, case.widths[-1], len(inputs))
    parts = parts_of(inputs, targets, lambda: perceptron(case), case.batch, SAVES, 1, [steps])
    settings: Any = parts.run
    settings.checkpoint = Checkpoint(every=Duration(EVERY, "steps"))
    with Waits() as waits:
        fit(lambda: parts, RunFolder(folder))
    return waits, steps


def perceptron(case: Case) -> nn.Module:
    """Linear layers with ReLU between."""
    layers: list[nn.Module] = []
    for inner, outer in pairwise(case.widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return case.kind(*layers[:-1])


def measured(case: Case, folder: Path) -> Measured:
    """Train, and save what was saved with `torch.save`."""
    waits, steps = trained(case, folder)
    index = RunFolder(folder).index(0)
    entry = index.entries()[-1]
    content = torch.load(index.path(entry), weights_only=True)
    return Measured(
        mb=entry.bytes / 1e6,
        first=waits.in_save[0] + waits.later[0],
        in_save=waits.in_save[1:-1],
        later=waits.later[1:-1],
        plain=[saved(content, folder / "plain.ckpt", sync=False) for _ in range(SAVES)],
        synced=[saved(content, folder / "synced.ckpt", sync=True) for _ in range(SAVES)],
        longer=steps.longer,
        step=steps.typical,
    )


def saved(content: Any, file: Path, *, sync: bool) -> float:
    """Seconds of one `torch.save` into a new file; nothing else waits for the disk meanwhile."""
    file.unlink(missing_ok=True)
    os.sync()

    def save() -> None:
        torch.save(content, file)
        if sync:
            with file.open("rb") as opened:
                os.fsync(opened.fileno())

    return seconds(save)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found: dict[str, Measured] = {}
    for case in CASES:
        with TemporaryDirectory() as folder:
            found[case.name] = measured(case, Path(folder))
    print("What the loop waits for a save, ms: least of all saves (and median)\n")
    heads: tuple[str, ...] = (
        "checkpoint",
        "MB",
        "in the save",
        "before the update",
        "both",
        "the first save",
    )
    rows: list[tuple[str, ...]] = [
        (n, f"{m.mb:.4g}", *map(ms, (m.in_save, m.later, m.waits)), ms([m.first])) for n, m in found.items()
    ]
    print(table(heads, rows))
    print("\ntorch.save of the same content, ms, and how many times as long as the loop waits it takes\n")
    heads = ("checkpoint", "torch.save", "and fsync", "torch.save / waits", "and fsync / waits")
    rows = [
        (n, ms(m.plain), ms(m.synced), *(times(theirs, m.waits) for theirs in (m.plain, m.synced)))
        for n, m in found.items()
    ]
    print(table(heads, rows))
    print("\nBy how much a run takes longer for a save, ms: the writer shares the machine with the steps\n")
    heads = ("checkpoint", "a step", "longer by", "torch.save and fsync")
    rows = [(n, ms([m.step]), f"{median(m.longer) * 1e3:.4g}", ms(m.synced)) for n, m in found.items()]
    print(table(heads, rows))
    chosen = found[GOAL]
    least, plain = min(chosen.waits), min(chosen.plain)
    print(f"\nPer 100 MB the loop waits {least * 1e3 * 100 / chosen.mb:.3g} ms.\n")
    what = "torch.save / what the loop waits, per 100 MB"
    finish("checkpoint", [Goal(what=what, value=plain / least, at_least=15)])


def ms(times: list[float]) -> str:
    """Least milliseconds, and their median where there are several."""
    least, middle = min(times) * 1e3, median(times) * 1e3
    return f"{least:.4g} ({middle:.4g})" if len(times) > 1 else f"{least:.4g}"


def times(theirs: list[float], ours: list[float]) -> str:
    """How many times as long theirs takes: by the least, and by the medians."""
    return f"{min(theirs) / min(ours):.4g} ({median(theirs) / median(ours):.4g})"


if __name__ == "__main__":
    main()
