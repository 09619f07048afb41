"""Transforms: what they do, and that they are functions of (seed, epoch, sample)."""

from __future__ import annotations

import numpy as np
import pytest

from leyden.data.dataset import Dataset, Generators
from leyden.data.sources.sklearn import Sklearn
from leyden.data.sources.source import Sample
from leyden.data.sources.toy import ToyDataset
from leyden.data.transforms.crop import Crop
from leyden.data.transforms.cutout import Cutout
from leyden.data.transforms.flip import Flip
from leyden.data.transforms.light import Light
from leyden.data.transforms.noise import Noise
from leyden.data.transforms.normalize import Normalize
from leyden.data.transforms.rotate90 import Rotate90
from leyden.data.transforms.transform import Transform
from leyden.spec.errors import DataError

DIGITS = Sklearn(name="digits", layout="image")
RANDOM: list[Transform] = [
    Flip(),
    Flip(axis="vertical"),
    Crop(padding=2),
    Crop(size=5, padding=1, mode="reflect"),
    Rotate90(),
    Noise(std=0.1),
    Cutout(size=3),
    Light(),
]
PICTURE = np.arange(2 * 6 * 6, dtype=np.float32).reshape(2, 6, 6) / 72


def applied(transform: Transform, draws: int = 200, picture: np.ndarray = PICTURE) -> list[np.ndarray]:
    sample: Sample = {"input": picture, "target": np.int64(3)[None][0]}
    results = [transform(sample, np.random.default_rng(seed)) for seed in range(draws)]
    assert all(result["target"] == 3 for result in results)
    return [result["input"] for result in results]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_a_batch_is_a_function_of_seed_epoch_and_sample(transform: Transform) -> None:
    dataset = Dataset(DIGITS, transforms=(transform, Noise(std=0.01)))
    indices = np.arange(40)

    def batch(seed: int = 1, epoch: int = 2, rows: np.ndarray = indices) -> np.ndarray:
        return dataset.batch(rows, seed=seed, epoch=epoch)["input"]

    np.testing.assert_array_equal(batch(), batch())
    np.testing.assert_array_equal(batch()[::-1], batch(rows=indices[::-1]))
    np.testing.assert_array_equal(batch()[7:9], batch(rows=indices[7:9]))
    assert not np.array_equal(batch(), batch(seed=2))
    assert not np.array_equal(batch(), batch(epoch=3))
    assert batch().dtype == np.float32 and batch().flags.c_contiguous


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_a_batch_is_the_stack_of_its_samples(transform: Transform) -> None:
    indices = np.array([3, 1, 4])
    batch = Dataset(DIGITS, transforms=(transform,)).batch(indices, seed=5, epoch=6)
    for row, (index, rng) in enumerate(zip(indices, Generators(indices, 5, 6, None), strict=True)):
        np.testing.assert_array_equal(batch["input"][row], transform(DIGITS[int(index)], rng)["input"])


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_a_transform_leaves_its_sample_as_it_was(transform: Transform) -> None:
    before = PICTURE.copy()
    applied(transform, draws=20)
    np.testing.assert_array_equal(PICTURE, before)


@pytest.mark.parametrize(
    ("axis", "mirrored"), [("horizontal", PICTURE[:, :, ::-1]), ("vertical", PICTURE[:, ::-1])]
)
def test_flip_mirrors_with_its_probability(axis: str, mirrored: np.ndarray) -> None:
    results = applied(Flip(axis=axis, p=0.25), draws=400)  # type: ignore[arg-type]
    flipped = sum(np.array_equal(result, mirrored) for result in results)
    assert flipped + sum(np.array_equal(result, PICTURE) for result in results) == 400
    assert abs(flipped / 400 - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)


def test_crop_takes_every_window_of_the_padded_picture() -> None:
    windows = {result.tobytes() for result in applied(Crop(size=(4, 5)), draws=300)}
    assert windows == {PICTURE[:, i : i + 4, j : j + 5].tobytes() for i in range(3) for j in range(2)}
    centre = applied(Crop(size=4, where="center"), draws=1)[0]
    np.testing.assert_array_equal(centre, PICTURE[:, 1:5, 1:5])
    padded = applied(Crop(padding=1, mode="edge"), draws=100)
    assert {result.shape for result in padded} == {PICTURE.shape}
    assert len({result.tobytes() for result in padded}) == 9


def test_crop_refuses_a_window_larger_than_the_picture() -> None:
    with pytest.raises(DataError, match="needs pictures of at least 9 x 9, but with padding 1 one is 8 x 8"):
        applied(Crop(size=9, padding=1), draws=1)


def test_rotate90_gives_the_four_quarter_turns_equally_often() -> None:
    turns = [np.rot90(PICTURE, k, axes=(1, 2)) for k in range(4)]
    counts = np.array(
        [sum(np.array_equal(result, turn) for result in applied(Rotate90(), 400)) for turn in turns]
    )
    assert counts.sum() == 400 and counts.min() > 65
    with pytest.raises(DataError, match="needs square pictures"):
        applied(Rotate90(), 1, PICTURE[:, :4])


def test_noise_has_its_deviation_and_keeps_the_type() -> None:
    results = np.stack(applied(Noise(std=0.3)))
    assert results.dtype == np.float32
    assert abs((results - PICTURE).std() / 0.3 - 1) < 0.05
    with pytest.raises(DataError, match="float type, but they are int64"):
        applied(Noise(std=0.3), 1, np.arange(4))


def test_cutout_blanks_at_most_its_square() -> None:
    for result in applied(Cutout(size=3, fill=-1)):
        rows, columns = np.nonzero((result == -1).any(axis=0))
        assert 4 <= len(rows) <= 9 and np.ptp(rows) <= 2 and np.ptp(columns) <= 2
        assert np.array_equal(result[result != -1], PICTURE[result != -1])


def test_light_stays_in_range_and_does_nothing_at_zero() -> None:
    assert all(
        result.min() >= 0 and result.max() <= 1 for result in applied(Light(brightness=0.9, contrast=0.9))
    )
    np.testing.assert_allclose(applied(Light(brightness=0, contrast=0), 1)[0], PICTURE, atol=1e-7)


@pytest.mark.parametrize("transform", [Flip(), Crop(size=2), Rotate90(), Cutout(size=2), Light()])
def test_transforms_of_pictures_refuse_vectors(transform: Transform) -> None:
    with pytest.raises(
        DataError, match=r"needs pictures \(channels, height, width\), but inputs have shape \(8,\)"
    ):
        applied(transform, 1, np.zeros(8, np.float32))


def test_normalize_measures_mean_and_deviation_of_features_as_scikit_learn_does() -> None:
    from sklearn.preprocessing import StandardScaler

    source = Sklearn(name="wine")
    rows = np.arange(0, 178, 2)
    normalize = Normalize()
    normalize = normalize.with_fitted(normalize.fitted(source, rows))
    ours = Dataset(source, transforms=(normalize,)).batch(np.arange(178), seed=0, epoch=0)["input"]
    inputs = source.held.columns["input"].array
    np.testing.assert_allclose(ours, StandardScaler().fit(inputs[rows]).transform(inputs), atol=2e-5)


def test_normalize_works_by_channel_on_pictures_and_by_feature_on_sequences() -> None:
    by_channel = Normalize(mean=[0.0, 1.0], std=[1.0, 2.0])({"input": PICTURE}, np.random.default_rng(0))[
        "input"
    ]
    np.testing.assert_allclose(by_channel[1], (PICTURE[1] - 1) / 2)
    source = ToyDataset(kind="sequence")
    normalize = Normalize()
    normalize = normalize.with_fitted(normalize.fitted(source, np.arange(256)))
    out = Dataset(source, transforms=(normalize,)).batch(np.arange(256), seed=0, epoch=0)["input"]
    np.testing.assert_allclose(out.mean((0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(out.std((0, 1)), 1, atol=1e-6)


def test_a_batch_is_normalized_as_its_samples_are_and_needs_no_workers() -> None:
    normalize = Normalize(mean=0.3, std=[0.2])
    dataset = Dataset(DIGITS, transforms=(normalize,))
    assert dataset.cheap
    batch = dataset.batch(np.arange(5), seed=0, epoch=0)["input"]
    single = [normalize(DIGITS[i], np.random.default_rng(0))["input"] for i in range(5)]
    np.testing.assert_array_equal(batch, np.stack(single))


def test_a_constant_feature_is_not_divided_by_zero() -> None:
    normalize = Normalize()
    normalize = normalize.with_fitted(normalize.fitted(Sklearn(name="digits"), np.arange(1797)))
    out = Dataset(Sklearn(name="digits"), transforms=(normalize,)).batch(np.arange(9), seed=0, epoch=0)
    assert np.isfinite(out["input"]).all()  # the corner pixels of digits are always 0


def test_normalize_refuses_to_run_unmeasured_or_with_the_wrong_numbers() -> None:
    with pytest.raises(DataError, match="has to be measured on training samples first"):
        applied(Normalize(), 1)
    with pytest.raises(DataError, match="has 3 numbers, but inputs have 2 channels"):
        applied(Normalize(mean=[1.0, 2.0, 3.0], std=1.0), 1)
