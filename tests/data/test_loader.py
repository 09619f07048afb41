"""Streams and evaluations: the same samples for any number of workers, ranks and restarts."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from leyden.data.dataset import Dataset
from leyden.data.info import DataInfo
from leyden.data.loader import Evaluation, StepBatch, Workers, stream
from leyden.data.plan import Plan
from leyden.data.samplers.shuffle import Shuffle
from leyden.data.samplers.weighted import Weighted
from leyden.data.sources.source import Sample, Source
from leyden.data.sources.toy import ToyDataset
from leyden.data.transforms.transform import Transform
from leyden.spec.errors import DataError


class Numbers(Source):
    """Sample i is (i, i); one of them cannot be read."""

    def __init__(self, samples: int, broken: int = -1) -> None:
        self.samples = samples
        self.broken = broken

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int, /) -> Sample:
        if index == self.broken:
            raise DataError(f"numbers.txt row {index}: cannot be read")
        return {"input": np.full(2, index, np.float32), "target": np.int64(index)[None][0]}

    def info(self) -> DataInfo:
        return DataInfo(num_samples=self.samples)

    def fingerprint(self) -> str:
        return str(self.samples)


class Jitter(Transform):
    def __call__(self, sample: Sample, rng: np.random.Generator, /) -> Sample:
        return {
            **sample,
            "input": sample["input"] + rng.normal(size=sample["input"].shape).astype(np.float32),
        }


def plan_of(samples: int, **settings: int) -> Plan:
    return Plan(**{"samples": samples, "batch_size": 8, "max_epochs": 4, "steps_per_call": 3, **settings})


def steps(dataset: Dataset, plan: Plan, count: int, start: int = 0, **arguments: object) -> list[StepBatch]:
    windows = stream(dataset, plan, Shuffle(), start, seed=7, **arguments)  # type: ignore[arg-type]
    taken: list[StepBatch] = []
    for window in windows:
        taken += window
        if len(taken) >= count:
            windows.close()  # type: ignore[attr-defined]
            return taken[:count]
    raise AssertionError("the stream ended")


def assert_same(first: list[StepBatch], second: list[StepBatch]) -> None:
    for one, other in zip(first, second, strict=True):
        assert (one.step, one.size) == (other.step, other.size)
        assert one.batch.keys() == other.batch.keys()
        assert all(torch.equal(one.batch[name], other.batch[name]) for name in one.batch)


@pytest.mark.parametrize("transforms", [(), (Jitter(),)], ids=["plain", "random"])
@pytest.mark.parametrize("source", [Numbers(21), ToyDataset(samples=21)], ids=["by sample", "in memory"])
def test_samples_are_the_same_for_any_number_of_workers(
    source: Source, transforms: tuple[Transform, ...]
) -> None:
    dataset = Dataset(source, transforms=transforms)
    here = steps(dataset, plan_of(21), 12)
    for num in (1, 2):
        assert_same(here, steps(dataset, plan_of(21), 12, workers=Workers(num=num)))


def test_samples_are_the_same_in_forked_and_in_fresh_worker_processes() -> None:
    dataset = Dataset(ToyDataset(samples=21), transforms=(Jitter(),))
    fresh = steps(dataset, plan_of(21), 4, workers=Workers(num=1, start_method="forkserver"))
    assert_same(steps(dataset, plan_of(21), 4), fresh)


def test_every_epoch_holds_every_sample_once_in_another_order() -> None:
    plan = plan_of(21)
    taken = steps(Dataset(Numbers(21)), plan, 9)
    epochs = [torch.cat([s.batch["target"] for s in taken[e * 3 : e * 3 + 3]]).tolist() for e in range(3)]
    assert all(sorted(epoch) == list(range(21)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [s.size for s in taken[:3]] == [8, 8, 5]
    assert [s.step for s in taken] == list(range(9))


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("transforms", [(), (Jitter(),)], ids=["plain", "random"])
def test_ranks_together_see_the_samples_of_one_process(world: int, transforms: tuple[Transform, ...]) -> None:
    dataset, plan = Dataset(Numbers(19), transforms=transforms), plan_of(19)  # last step: 3 samples
    alone = steps(dataset, plan, 7)
    ranks = [steps(dataset, plan, 7, rank=rank, world=world) for rank in range(world)]
    for number, whole in enumerate(alone):
        parts = [rank[number] for rank in ranks]
        assert {(part.step, part.size) for part in parts} == {(whole.step, whole.size)}
        for name, tensor in whole.batch.items():
            assert torch.equal(torch.cat([part.batch[name] for part in parts]), tensor)


@pytest.mark.parametrize("start", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_can_start_at_any_step(start: int, workers: int) -> None:
    dataset, plan = Dataset(Numbers(21), transforms=(Jitter(),)), plan_of(21)
    whole = steps(dataset, plan, 10)
    assert_same(whole[start:], steps(dataset, plan, 10 - start, start, workers=Workers(num=workers)))


def test_a_stream_starts_at_sample_ten_to_the_nine_without_reading_what_came_before() -> None:
    class Counting(Numbers):
        reads = 0

        def __getitem__(self, index: int, /) -> Sample:
            self.reads += 1
            return super().__getitem__(index)

    source = Counting(4 * 10**9)
    plan = Plan(samples=len(source), batch_size=10, max_epochs=2)
    first = next(stream(Dataset(source), plan, Shuffle(), 10**8, seed=1))[0]
    assert first.step == 10**8 and first.size == 10
    assert source.reads == 10


def test_windows_never_cross_an_epoch_and_have_at_most_steps_per_call_steps() -> None:
    windows = list(
        islice(stream(Dataset(Numbers(21)), plan_of(21, steps_per_call=2), Shuffle(), 0, seed=1), 6)
    )
    assert [[s.step for s in window] for window in windows] == [[0, 1], [2], [3], [4, 5], [6, 7], [8]]


def test_a_repeated_sample_is_augmented_anew() -> None:
    labels = np.array([0] * 30 + [1] * 2)
    source = ToyDataset(samples=32, classes=2)
    source.held.columns["target"].array[:] = labels
    dataset = Dataset(source, transforms=(Jitter(),))
    window = next(stream(dataset, plan_of(32, batch_size=32), Weighted(), 0, seed=0))
    rare = window[0].batch["input"][window[0].batch["target"] == 1]
    assert len(rare) > 8
    assert len(torch.unique(rare, dim=0)) == len(rare)


def test_global_random_generators_are_left_alone() -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    dataset = Dataset(Numbers(21), transforms=(Jitter(),))
    steps(dataset, plan_of(21), 5, workers=Workers(num=1))
    list(Evaluation(dataset, 4, workers=Workers(num=1)))
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_that_cannot_be_read_is_named_without_a_worker_s_traceback(workers: int) -> None:
    dataset = Dataset(Numbers(21, broken=4))
    with pytest.raises(DataError, match=r"^numbers\.txt row 4: cannot be read$"):
        steps(dataset, plan_of(21), 3, workers=Workers(num=workers))
    with pytest.raises(DataError, match=r"^numbers\.txt row 4: cannot be read$"):
        list(Evaluation(dataset, 4, workers=Workers(num=workers)))


@pytest.mark.parametrize(("world", "workers"), [(1, 0), (2, 0), (3, 0), (5, 0), (30, 0), (1, 2), (3, 2)])
def test_evaluation_sees_every_sample_once_whatever_the_number_of_ranks(world: int, workers: int) -> None:
    shares = [
        Evaluation(Dataset(Numbers(21)), 4, rank=r, world=world, workers=Workers(num=workers))
        for r in range(world)
    ]
    seen = [(b.first, b.batch["target"].tolist()) for share in shares for b in share]
    assert [i for _, targets in seen for i in targets] == list(range(21))
    assert all(first == targets[0] for first, targets in seen)
    assert sum(len(share) for share in shares) == len(seen)


@pytest.mark.parametrize("persistent", [True, False])
def test_two_passes_of_an_evaluation_are_equal(persistent: bool) -> None:
    workers = Workers(num=1, persistent=persistent)
    evaluation = Evaluation(Dataset(Numbers(9), transforms=(Jitter(),)), 4, seed=3, workers=workers)
    first, second = ([b.batch["input"] for b in evaluation] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_evaluation_takes_the_wanted_batches_only() -> None:
    evaluation = Evaluation(Dataset(Numbers(21)), 4, numbers=range(1, 3))
    assert [batch.first for batch in evaluation] == [4, 8]
    assert len(evaluation) == 2


def test_an_in_memory_batch_shares_no_memory_with_the_source() -> None:
    source = ToyDataset(samples=16)
    window = next(stream(Dataset(source), plan_of(16), Shuffle(), 0, seed=0))
    window[0].batch["input"].zero_()
    assert np.all(source.held.columns["input"].array.std(axis=1) > 0)
