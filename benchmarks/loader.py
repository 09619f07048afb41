"""Batches of data in memory: Leyden's stream beside `DataLoader(TensorDataset)`, both shuffled every epoch.

64 numbers and a label a sample, batches of 64. Each rival hands over tensors; the consumer does nothing.

.venv/bin/python benchmarks/loader.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from interleave import Goal, finish, in_turns, seconds, table
from leyden.data.dataset import Dataset
from leyden.data.loader import stream
from leyden.data.plan import Plan
from leyden.data.samplers.shuffle import Shuffle
from leyden.data.sources.toy import ToyDataset

SAMPLES, BATCH = 50_000, 64
STEPS = 512  # one block of the order, so that every turn pays for computing one
FAR = 10**9  # a step no run reaches by living through the ones before


def endless_loader(inputs: torch.Tensor, targets: torch.Tensor) -> Iterator[Any]:
    """PyTorch's loader as it is commonly used."""
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=BATCH, shuffle=True)
    while True:
        yield from loader


def endless_gather(inputs: torch.Tensor, targets: torch.Tensor) -> Iterator[Any]:
    """The loop that people write by hand where the loader is too slow."""
    while True:
        order = torch.randperm(len(inputs))
        for rows in order.split(BATCH):
            yield inputs[rows], targets[rows]


def endless_windows(dataset: Dataset, steps_per_call: int) -> Iterator[Any]:
    """Our stream, step by step."""
    plan = Plan(samples=SAMPLES, batch_size=BATCH, max_epochs=1000, steps_per_call=steps_per_call)
    for window in stream(dataset, plan, Shuffle(), 0, seed=0):
        yield from window


def taking(stream: Iterator[Any]) -> Callable[[], None]:
    """Work that takes the next steps of a stream."""

    def work() -> None:
        for _ in islice(stream, STEPS):
            pass

    return work


def start_far(dataset: Dataset) -> float:
    """Seconds until the first batch of a stream that starts at a step far out."""
    plan = Plan(samples=SAMPLES, batch_size=BATCH, max_steps=2 * FAR)
    return min(seconds(lambda: next(stream(dataset, plan, Shuffle(), FAR, seed=0))) for _ in range(5))


def main() -> None:
    torch.set_num_threads(1)
    dataset = Dataset(ToyDataset(samples=SAMPLES, features=64, classes=10))
    whole = dataset.batch(np.arange(SAMPLES), seed=0, epoch=0)
    inputs, targets = torch.from_numpy(whole["input"]), torch.from_numpy(whole["target"])
    theirs, by_hand = "DataLoader(TensorDataset)", "randperm and indexing by hand"
    ours = {k: f"leyden, steps_per_call {k}" for k in (1, 8, 32)}
    took = in_turns(
        {
            theirs: taking(endless_loader(inputs, targets)),
            by_hand: taking(endless_gather(inputs, targets)),
            **{name: taking(endless_windows(dataset, k)) for k, name in ours.items()},
        },
        rounds=25,
    )
    each = {name: took[name] / STEPS * 1e6 for name in took}
    print(table(["", "us/batch", "times as fast"], [[name, t, each[theirs] / t] for name, t in each.items()]))
    far = start_far(dataset)
    print(f"\nfirst batch of a stream that starts at step {FAR:,}: {far * 1e3:.2f} ms\n")
    finish(
        "loader",
        [
            Goal(what="DataLoader(TensorDataset) / leyden", value=each[theirs] / each[ours[1]], at_least=20),
            Goal(what="microseconds a batch", value=each[ours[1]], at_most=30),
            Goal(what=f"milliseconds to the first batch at step {FAR:,}", value=far * 1e3, at_most=5),
        ],
    )


if __name__ == "__main__":
    main()
