"""Subsets, limits, splits and the sets of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leyden.data.dataset import Dataset, limited
from leyden.data.datasets import Wanted, datasets
from leyden.data.sources.table import Table
from leyden.data.sources.toy import ToyDataset
from leyden.data.splits.given import Given
from leyden.data.splits.random import Random
from leyden.data.transforms.crop import Crop
from leyden.data.transforms.noise import Noise
from leyden.data.transforms.normalize import Normalize
from leyden.spec.errors import DataError

LABELS = np.repeat(np.arange(3), [70, 20, 10])


def test_a_subset_is_the_source_at_its_rows() -> None:
    source = ToyDataset(samples=30)
    rows = np.array([4, 2, 29])
    subset = Dataset(source, indices=rows)
    np.testing.assert_array_equal(
        subset.batch(np.array([2, 0]), seed=0, epoch=0)["input"], source.gather(np.array([29, 4]))["input"]
    )
    labels = source.labels()
    assert labels is not None and np.array_equal(subset.labels(), labels[rows])
    assert subset.info().num_samples == 3 and sum(subset.info().class_counts) == 3
    assert (
        subset.fingerprint() != Dataset(source).fingerprint() == Dataset(ToyDataset(samples=30)).fingerprint()
    )


def test_augmentation_belongs_to_the_sample_not_to_its_place_in_a_subset() -> None:
    source = ToyDataset(samples=30)
    whole = Dataset(source, transforms=(Noise(std=1),)).batch(np.array([7]), seed=1, epoch=1)
    part = Dataset(source, indices=np.array([3, 7]), transforms=(Noise(std=1),))
    np.testing.assert_array_equal(part.batch(np.array([1]), seed=1, epoch=1)["input"], whole["input"])


def test_shapes_are_those_after_the_transforms() -> None:
    from leyden.data.sources.sklearn import Sklearn

    dataset = Dataset(Sklearn(name="digits", layout="image"), transforms=(Crop(size=5),))
    assert dataset.info().fields["input"].shape == (1, 5, 5)


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, 100), (40, 40), (1000, 100), ("10 %", 10), ("0.1%", 1), ("100%", 100)]
)
def test_a_limit_spreads_over_the_data(limit: int | str | None, expected: int) -> None:
    rows = limited(100, None, limit)
    rows = np.arange(100) if rows is None else rows
    assert len(rows) == len(set(rows.tolist())) == expected
    if expected == 40:
        assert np.abs(np.bincount(LABELS[rows]) / 40 - [0.7, 0.2, 0.1]).max() < 0.05


@pytest.mark.parametrize("limit", [0, -1, "10", "0 %", "101 %", "ten %", "10 % of it"])
def test_a_limit_that_is_none_is_refused(limit: int | str) -> None:
    with pytest.raises(ValueError, match=r"limit must be"):
        limited(100, None, limit)


@given(st.integers(3, 400), st.integers(0, 99), st.booleans())
def test_a_random_split_is_a_sorted_partition(samples: int, seed: int, stratify: bool) -> None:
    labels = np.arange(samples) % 3
    parts = Random(val=0.2, test=1, stratify=stratify).parts(samples, labels, seed)
    assert [len(parts[name]) for name in ("val", "test")] == [round(0.2 * samples), 1]
    assert all(np.all(np.diff(indices) > 0) for indices in parts.values())
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(samples))


def test_a_stratified_split_holds_out_the_same_share_of_every_class() -> None:
    parts = Random(val=0.1, test=0.2, stratify=True).parts(100, LABELS, 5)
    assert np.bincount(LABELS[parts["val"]]).tolist() == [7, 2, 1]
    assert np.bincount(LABELS[parts["test"]]).tolist() == [14, 4, 2]


def test_a_split_is_a_function_of_the_seed_that_it_may_have_itself() -> None:
    def val(split: Random, seed: int) -> list[int]:
        return split.parts(50, None, seed)["val"].tolist()

    assert val(Random(), 1) == val(Random(), 1) != val(Random(), 2)
    assert val(Random(seed=9), 1) == val(Random(seed=9), 2) == val(Random(), 9)


def test_a_split_that_leaves_nothing_or_has_no_classes_is_refused() -> None:
    with pytest.raises(DataError, match="leaves nothing to train on: 8 samples for val and 2 for test of 10"):
        Random(val=8, test=2).parts(10, None, 0)
    with pytest.raises(DataError, match="`stratify` needs one class label"):
        Random(stratify=True).parts(10, None, 0)


def test_a_given_split_holds_out_what_the_file_lists(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", val=[3, 1], test=[0])
    parts = Given(path=tmp_path / "s.npz").parts(5, None, 0)
    assert {name: indices.tolist() for name, indices in parts.items()} == {
        "train": [2, 4],
        "val": [1, 3],
        "test": [0],
    }


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"val": [5]}, r"val\[0\] is 5, but samples are 0 to 4"),
        ({"val": [-1]}, r"val\[0\] is -1"),
        ({"val": [1], "test": [1]}, "a sample in test is held out twice"),
        ({"val": [1, 1]}, "a sample in val is held out twice"),
        ({"val": [0.5]}, "must be a list of integers, but is float64"),
        ({"dev": [1]}, "needs an integer array named val or test"),
    ],
)
def test_a_given_split_that_does_not_fit_is_refused(
    arrays: dict[str, list[int]], words: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "s.npz", **{name: np.array(value) for name, value in arrays.items()})
    with pytest.raises(DataError, match=words):
        Given(path=tmp_path / "s.npz").parts(5, None, 0)


def test_carved_sets_are_disjoint_and_take_the_transforms_for_evaluation() -> None:
    source, noise = ToyDataset(samples=100), Noise(std=0.1)
    sets = datasets(train=Wanted(source=source, transforms=(noise,)), split=Random(val=0.2, test=10), seed=3)
    assert sets.val is not None and sets.test is not None
    assert [len(sets.train), len(sets.val), len(sets.test)] == [70, 20, 10]
    assert (sets.train.transforms, sets.val.transforms, sets.test.transforms) == ((noise,), (), ())
    rows = [dataset.rows for dataset in (sets.train, sets.val, sets.test)]
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(100))  # type: ignore[arg-type]


def test_the_limit_of_the_training_set_comes_before_the_split() -> None:
    sets = datasets(train=Wanted(source=ToyDataset(samples=100), limit="50 %"), split=Random(val=0.2))
    assert sets.val is not None and (len(sets.train), len(sets.val)) == (40, 10)


def test_a_set_that_is_given_and_carved_is_refused() -> None:
    toy = Wanted(source=ToyDataset())
    with pytest.raises(
        DataError, match=r"data\.val is given and data\.split holds out 26 samples for it too"
    ):
        datasets(train=toy, val=Wanted(source=ToyDataset(draw=1)), split=Random())
    sets = datasets(train=toy, val=Wanted(source=ToyDataset(draw=1)), split=Random(val=0, test=0.1))
    assert sets.test is not None and len(sets.test) == 26


def test_without_val_and_split_there_is_only_training() -> None:
    sets = datasets(train=Wanted(source=ToyDataset()))
    assert (sets.val, sets.test) == (None, None) and sets.train.rows is None


def test_every_set_is_normalized_by_the_training_rows_and_the_numbers_survive_json(tmp_path: Path) -> None:
    body = "\n".join(f"{k},{'ab'[k % 2]}" for k in range(50))
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text(f"x,y\n{body}\n")

    def wanted(name: str) -> Wanted:
        table = Table(path=tmp_path / f"{name}.csv", target="y", standardize=True)
        return Wanted(source=table, transforms=(Normalize(),))

    def build(fitted: object = None):
        return datasets(
            train=wanted("train"),
            test=wanted("test"),
            split=Random(val=0.2),
            eval_transforms=(Normalize(),),
            fitted=fitted,  # type: ignore[arg-type]
        )

    sets = build()
    rows = sets.train.rows
    assert sets.val is not None and sets.test is not None and rows is not None
    assert sets.fitted["source"]["mean"] == [rows.mean()]
    everything = sets.train.batch(np.arange(40), seed=0, epoch=0)["input"]
    np.testing.assert_allclose([everything.mean(), everything.std()], [0, 1], atol=1e-6)
    again = build(json.loads(json.dumps(sets.fitted)))
    for one, other in ((sets.val, again.val), (sets.test, again.test)):
        assert other is not None
        inputs = [s.batch(np.arange(len(s)), seed=0, epoch=0)["input"] for s in (one, other)]
        np.testing.assert_array_equal(inputs[0], inputs[1])
    assert sets.test.labels() is not None and sets.test.info().classes == ("a", "b")
