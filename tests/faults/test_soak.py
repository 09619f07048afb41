"""A long run of a tiny model: memory and open files stay where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import toy_parts, train
from tests.faults.scale import FULL, count

STEPS = count(3_000, 100_000)


class Gauge(Callback):
    """Notes resident memory in KB and open files, every so many steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.rows: list[tuple[int, int, int]] = []

    def on_step_end(self, fit: Fit, /) -> None:
        if fit.step % self.every == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            memory = pages * os.sysconf("SC_PAGE_SIZE") // 1024
            self.rows.append((fit.step, memory, len(os.listdir("/proc/self/fd"))))


def test_memory_and_open_files_do_not_grow(tmp_path: Path, say: Callable[..., None]) -> None:
    gauge = Gauge(STEPS // 50)
    trainer = {"max_epochs": -1, "max_steps": STEPS, "log_every_n_steps": 50, "steps_per_call": 8}
    parts = toy_parts(callbacks=[gauge], trainer=trainer, samples=1600, checkpoint={"every": "1000 steps"})
    assert train(parts, tmp_path).steps == STEPS
    steps, memory, files = np.array(gauge.rows[len(gauge.rows) // 5 :]).T  # the first fifth warms up
    slope = float(np.polyfit(steps, memory, 1)[0]) * 1000
    say(
        "soak",
        steps=STEPS,
        kb_a_1000_steps=slope,
        memory_mb=int(memory[-1]) // 1024,
        files=sorted({int(n) for n in files}),
    )
    assert files.max() - files.min() <= 1  # a checkpoint may be on its way to disk just then
    assert not FULL or slope < 1.0
