"""What each source hands out."""

from __future__ import annotations

import gzip
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leyden.data.sources.arrays import Arrays
from leyden.data.sources.fashion_mnist import FashionMnist
from leyden.data.sources.images import Images
from leyden.data.sources.sklearn import Sklearn
from leyden.data.sources.source import Source
from leyden.data.sources.table import Table
from leyden.data.sources.toy import ToyDataset
from leyden.spec.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5))
Y = np.arange(12) % 3


def write_images(root: Path, size: tuple[int, int] = (6, 4)) -> None:
    for number, name in enumerate(["cat", "dog"]):
        (root / name).mkdir(parents=True)
        for k in range(3):
            pixels = np.full((*size, 3), 40 * k + number, np.uint8)
            Image.fromarray(pixels).save(root / name / f"{k}.png")


def write_table(path: Path) -> Table:
    path.write_text("age,town,price\n20,Ulm,1.5\n30,Bonn,2.5\n40,Ulm,3.5\n")
    return Table(path=path, target="price", categorical=["town"])


def write_idx(folder: Path) -> FashionMnist:
    pictures, labels = RNG.integers(0, 256, (7, 28, 28), np.uint8), np.arange(7, dtype=np.uint8)
    for name, array in (("train-images-idx3-ubyte.gz", pictures), ("train-labels-idx1-ubyte.gz", labels)):
        head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        with gzip.open(folder / name, "wb") as file:
            file.write(head + array.tobytes())
    return FashionMnist(path=folder)


def arrays(folder: Path) -> Source:
    np.savez(folder / "a.npz", x=X, y=Y)
    return Arrays(path=folder / "a.npz")


def mapped(folder: Path) -> Source:
    np.savez(folder / "m.npz", x=X, y=Y)
    return Arrays(path=folder / "m.npz", memory_map=True)


def table(folder: Path) -> Source:
    whole = write_table(folder / "t.csv")
    return whole.with_fitted(whole.fitted(np.arange(3)))


def images(folder: Path) -> Source:
    write_images(folder / "pictures")
    return Images(path=folder / "pictures")


def cached_images(folder: Path) -> Source:
    write_images(folder / "pictures")
    return Images(path=folder / "pictures", cache=True)


MAKERS: list[Callable[[Path], Source]] = [
    arrays,
    mapped,
    table,
    images,
    cached_images,
    write_idx,
    lambda _: Sklearn(name="digits", layout="image"),
    lambda _: Sklearn(name="diabetes"),
    lambda _: ToyDataset(kind="sequence"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_every_source_keeps_the_contract(make: Callable[[Path], Source], tmp_path: Path) -> None:
    source = make(tmp_path)
    info = source.info()
    assert info.num_samples == len(source)
    batch = source.gather(np.array([2, 0, 2]))
    for name, entry in info.fields.items():
        assert batch[name].shape == (3, *entry.shape) and batch[name].dtype.name == entry.dtype
        for row, index in enumerate((2, 0, 2)):
            np.testing.assert_array_equal(batch[name][row], source[index][name])
        assert source.gather(np.zeros(0, np.int64))[name].shape == (0, *entry.shape)
        np.testing.assert_array_equal(source[-1][name], source[len(source) - 1][name])
    with pytest.raises(IndexError):
        source[len(source)]
    labels = source.labels()
    if info.classes:
        assert labels is not None
        np.testing.assert_array_equal(labels, source.gather(np.arange(len(source)))["target"])
        assert info.class_counts == tuple(np.bincount(labels, minlength=len(info.classes)))
    else:
        assert labels is None
    assert list(source.check()) == []
    again = pickle.loads(pickle.dumps(source))
    assert again.fingerprint() == source.fingerprint()
    np.testing.assert_array_equal(again[1]["input"], source[1]["input"])
    assert all(array.flags.writeable for array in batch.values())


@pytest.mark.parametrize("suffix", ["npy", "npz", "compressed npz", "safetensors"])
@pytest.mark.parametrize("memory_map", [True, False])
def test_arrays_are_the_same_from_every_format(suffix: str, memory_map: bool, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / f"a.{suffix.split()[-1]}"
    target_path = None
    if suffix == "npy":
        np.save(path, X)
        np.save(target_path := tmp_path / "y.npy", Y)
    elif suffix == "safetensors":
        save_file({"x": X, "y": Y}, path)
    else:
        (np.savez_compressed if "compressed" in suffix else np.savez)(path, x=X, y=Y)
    source = Arrays(path=path, target_path=target_path, memory_map=memory_map)
    batch = source.gather(np.arange(12)[::-1])
    np.testing.assert_array_equal(batch["input"], X[::-1].astype(np.float32))
    np.testing.assert_array_equal(batch["target"], Y[::-1])
    assert source.in_memory is not memory_map


def test_a_mapped_archive_stays_on_disk(tmp_path: Path) -> None:
    source = mapped(tmp_path)
    assert isinstance(source, Arrays)
    base = source.held.columns["input"].array
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.parametrize(
    "keys", [("train_x", "train_y"), ("x_train", "y_train"), ("train/input", "train/target")]
)
def test_a_split_inside_an_archive_is_found(keys: tuple[str, str], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{keys[0]: X, keys[1]: Y, "test_x": X[:2], "test_y": Y[:2]})
    assert len(Arrays(path=tmp_path / "a.npz", split="train")) == 12
    assert len(Arrays(path=tmp_path / "a.npz", split="test")) == 2


@pytest.mark.parametrize("memory_map", [True, False])
@pytest.mark.parametrize("layout", ["keep", "channels_last"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_batch_costs_no_copy_of_the_whole_array(
    memory_map: bool, layout: str, order: str, tmp_path: Path
) -> None:
    whole = RNG.integers(0, 256, (4000, 16, 16, 3), np.uint8).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=np.asarray(whole, order=order), y=np.arange(4000))  # type: ignore[call-overload]
    source = Arrays(path=tmp_path / "a.npz", layout=layout, memory_map=memory_map)  # type: ignore[arg-type]
    source.gather(np.arange(2))
    tracemalloc.start()
    batch = source.gather(np.array([3999, 5]))["input"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
    expected = whole[[3999, 5]]
    np.testing.assert_array_equal(batch, expected if layout == "keep" else expected.transpose(0, 3, 1, 2))


def test_types_layouts_and_scales_of_arrays(tmp_path: Path) -> None:
    pictures = RNG.integers(0, 256, (4, 6, 5, 3), np.uint8)
    np.savez(
        tmp_path / "a.npz", pics=pictures, values=np.arange(4.0), words=np.arange(4, dtype=np.int32)[:, None]
    )
    source = Arrays(
        path=tmp_path / "a.npz", input="pics", target="values", layout="channels_last", scale=1 / 255
    )
    np.testing.assert_allclose(source[1]["input"], pictures[1].transpose(2, 0, 1) / 255, rtol=1e-6)
    assert source[1]["target"].dtype == np.float32 and source.labels() is None
    words = Arrays(path=tmp_path / "a.npz", input="words", target="values", target_dtype="int64")
    assert words[1]["input"].dtype == np.int64
    assert words.labels() is not None and words.info().classes == ("0", "1", "2", "3")
    kept = Arrays(
        path=tmp_path / "a.npz", input="pics", target="values", input_dtype="keep", target_dtype="float64"
    )
    assert kept[0]["input"].dtype == np.uint8 and kept[0]["target"].dtype == np.float64


def test_array_classes_of_training_hold_for_validation(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_x=X, train_y=Y, val_x=X[:2], val_y=Y[:2])
    train, val = (Arrays(path=tmp_path / "a.npz", split=name) for name in ("train", "val"))
    assert val.info().classes == ("0", "1")
    assert val.with_fitted(train.fitted(np.arange(12))).info().classes == ("0", "1", "2")


def test_a_table_is_measured_on_training_rows_only(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,town,y\n1,5,Ulm,0\n3,5,Bonn,1\n,5,Ulm,0\n100,5,Kiel,1\n")
    (tmp_path / "val.csv").write_text("a,b,town,y\n5,6,Kiel,1\n,5,Ulm,0\n")
    settings = {"target": "y", "categorical": ["town"], "missing": "mean", "standardize": True}
    train, val = (Table(path=tmp_path / f"{name}.csv", **settings) for name in ("train", "val"))  # type: ignore[arg-type]
    fitted = train.fitted(np.arange(3))  # the row with 100 and Kiel is held out
    assert (
        fitted["fill"][0] == 2
        and fitted["mean"] == [2, 5]
        and fitted["categories"] == {"town": ["Bonn", "Ulm"]}
    )
    deviation = np.std([1, 3, 2])
    batch = val.with_fitted(fitted).gather(np.arange(2))
    np.testing.assert_allclose(batch["input"], [[3 / deviation, 1, 0, 0], [0, 0, 0, 1]], rtol=1e-6)
    np.testing.assert_array_equal(batch["target"], [1, 0])


def test_table_features_are_standardized_as_scikit_learn_does(tmp_path: Path) -> None:
    from sklearn.preprocessing import StandardScaler

    body = "\n".join(",".join(f"{v:.17g}" for v in row) for row in X)
    (tmp_path / "t.csv").write_text(f"a,b,c,d,y\n{body}\n")
    whole = Table(path=tmp_path / "t.csv", target="y", standardize=True)
    ours = whole.with_fitted(whole.fitted(np.arange(12))).gather(np.arange(12))
    np.testing.assert_allclose(ours["input"], StandardScaler().fit_transform(X[:, :4]), atol=1e-6)
    np.testing.assert_allclose(ours["target"], X[:, 4], rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "target_is", "classes"),
    [
        ("x\ny\nx", "auto", ("x", "y")),
        ("true\nfalse\ntrue", "auto", ("False", "True")),
        ("10\n9\n10", "auto", ("9", "10")),
        ("10\n9\n10", "number", ()),
        ("1.5\n2.5\n1.5", "auto", ()),
        ("1.0\n2.0\n1.0", "class", ("1", "2")),
    ],
)
def test_what_a_table_takes_for_classes(
    column: str, target_is: str, classes: tuple[str, ...], tmp_path: Path
) -> None:
    rows = "\n".join(f"1,{value}" for value in column.split("\n"))
    (tmp_path / "t.csv").write_text(f"a,y\n{rows}\n")
    source = Table(path=tmp_path / "t.csv", target="y", target_is=target_is)  # type: ignore[arg-type]
    assert source.info().classes == classes
    assert source[0]["target"].dtype == (np.int64 if classes else np.float32)
    np.testing.assert_array_equal(source[0]["target"], source[2]["target"])


def test_a_table_drops_rows_only_when_told_and_keeps_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,2.5\n,3.5\n7,x\n")
    source = Table(path=tmp_path / "t.csv", target="y", missing="drop", target_is="number")
    assert len(source) == 2
    assert list(source.check()) == [
        f"{tmp_path / 't.csv'} line 4: column `y` must hold numbers, but holds `x`; mend it, list the column "
        "under `categorical`, or under `ignore`"
    ]


def test_parquet_and_csv_give_the_same_samples(tmp_path: Path) -> None:
    import pandas

    csv = write_table(tmp_path / "t.csv")
    pandas.read_csv(tmp_path / "t.csv").to_parquet(tmp_path / "t.parquet")
    parquet = Table(path=tmp_path / "t.parquet", target="price", categorical=["town"])
    one, other = (source.with_fitted(source.fitted(np.arange(3))) for source in (csv, parquet))
    np.testing.assert_array_equal(one.gather(np.arange(3))["input"], other.gather(np.arange(3))["input"])


def test_several_target_columns_are_a_vector_and_codes_number_categories(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv")
    source = Table(path=tmp_path / "t.csv", target=["price", "age"], categorical=["town"], encode="codes")
    source = source.with_fitted(source.fitted(np.array([0, 2])))
    batch = source.gather(np.arange(3))
    np.testing.assert_array_equal(batch["target"], np.array([[1.5, 20], [2.5, 30], [3.5, 40]], np.float32))
    np.testing.assert_array_equal(batch["input"], [[1], [0], [1]])


def test_an_unmeasured_table_is_refused_rather_than_measured_on_itself(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="training rows to be measured on"):
        write_table(tmp_path / "t.csv")[0]


def test_pictures_come_from_folders_in_order_of_names(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"")
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    source = Images(path=tmp_path)
    assert len(source) == 6 and source.info().classes == ("cat", "dog")
    batch = source.gather(np.arange(6))
    np.testing.assert_array_equal(batch["target"], [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(batch["input"][:, 0, 0, 0] * 255, [0, 40, 80, 1, 41, 81], atol=1e-4)
    assert batch["input"].shape == (6, 3, 6, 4)


def test_pictures_of_a_manifest_are_those_of_the_folders(tmp_path: Path) -> None:
    write_images(tmp_path)
    lines = [f"{name}/{k}.png,{name}" for name in ("dog", "cat") for k in range(3)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *lines]) + "\n")
    source = Images(path=tmp_path, manifest=tmp_path / "list.csv")
    np.testing.assert_array_equal(source.labels(), [1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(source[0]["input"], Images(path=tmp_path)[3]["input"])
    assert list(source.check()) == []


def test_a_picture_is_upright_grey_and_resized_as_asked(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4), (255, 0, 0)).save(tmp_path / "a" / "x.jpg", exif=exif)
    assert Images(path=tmp_path).info().fields["input"].shape == (3, 8, 4)
    assert Images(path=tmp_path)[0]["input"].shape == (3, 8, 4)
    grey = Images(path=tmp_path, mode="grayscale", resize=(5, 7))
    assert grey.info().fields["input"].shape == grey[0]["input"].shape == (1, 5, 7)
    assert 0.25 < float(grey[0]["input"].mean()) < 0.35  # red is 0.299 of luma


def test_pictures_behind_links_are_found_once(tmp_path: Path) -> None:
    write_images(tmp_path / "set")
    (tmp_path / "set" / "cat" / "again").symlink_to(tmp_path / "set" / "cat")
    assert len(Images(path=tmp_path / "set")) == 6


def test_palette_pictures_with_transparency_are_read_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("P", (4, 4)).save(tmp_path / "a" / "x.png", transparency=b"\x00\x10")
    assert Images(path=tmp_path)[0]["input"].shape == (3, 4, 4)


def test_equal_pictures_elsewhere_have_the_same_fingerprint_and_others_another(tmp_path: Path) -> None:
    write_images(tmp_path / "one")
    write_images(tmp_path / "two")
    write_images(tmp_path / "larger", size=(60, 40))
    one, two, larger = (Images(path=tmp_path / name).fingerprint() for name in ("one", "two", "larger"))
    assert one == two != larger


def test_fashion_mnist_pixels_and_labels_are_those_of_the_file(tmp_path: Path) -> None:
    source = write_idx(tmp_path)
    assert source.info().fields["input"].shape == (1, 28, 28)
    assert source[3]["target"] == 3 and 0 <= source[3]["input"].min() <= source[3]["input"].max() <= 1


def test_scikit_learn_digits_are_the_real_ones_in_three_layouts() -> None:
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    for layout, shape in (("flat", (64,)), ("image", (1, 8, 8)), ("sequence", (8, 8))):
        source = Sklearn(name="digits", layout=layout)  # type: ignore[arg-type]
        np.testing.assert_allclose(source[100]["input"], bunch.data[100].reshape(shape) / 16)
    np.testing.assert_array_equal(source.labels(), bunch.target)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_scikit_learn_sets_equal_what_its_own_loaders_give(name: str) -> None:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    source = Sklearn(name=name)  # type: ignore[arg-type]
    batch = source.gather(np.arange(len(source)))
    np.testing.assert_allclose(batch["input"], bunch.data / (16 if name == "digits" else 1), rtol=1e-6)
    np.testing.assert_array_equal(batch["target"], bunch.target)
    assert source.info().classes == tuple(str(label) for label in getattr(bunch, "target_names", ()))


def test_toy_sets_differ_by_draw_and_share_the_problem() -> None:
    one, same, other = ToyDataset(), ToyDataset(), ToyDataset(draw=1)
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    centres = [
        np.stack([s.gather(np.arange(256))["input"][s.labels() == c].mean(0) for c in range(3)])
        for s in (one, other)
    ]
    np.testing.assert_allclose(centres[0], centres[1], atol=0.5)
