"""Bad data is refused in one sentence with file and row, before training or at the first touch."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leyden.data.dataset import Dataset
from leyden.data.sources.arrays import Arrays
from leyden.data.sources.fashion_mnist import FashionMnist
from leyden.data.sources.images import Images
from leyden.data.sources.sklearn import Sklearn
from leyden.data.sources.source import Source
from leyden.data.sources.table import Table
from leyden.spec.errors import DataError

X = np.linspace(0, 1, 60).reshape(12, 5)
Y = np.arange(12) % 3


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "a.npz", **{"x": X, "y": Y, **arrays})
    return folder / "a.npz"


def cut(path: Path, share: float = 0.6) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def with_value(array: np.ndarray, row: int, value: float) -> np.ndarray:
    changed = array.astype(np.result_type(array, type(value)))
    changed.reshape(len(array), -1)[row, 0] = value
    return changed


def cut_npy(folder: Path, memory_map: bool) -> Source:
    np.save(folder / "a.npy", X)
    return Arrays(path=cut(folder / "a.npy"), memory_map=memory_map)


def cut_safetensors(folder: Path) -> Source:
    from safetensors.numpy import save_file

    save_file({"x": X, "y": Y}, folder / "a.safetensors")
    return Arrays(path=cut(folder / "a.safetensors"))


def typo(folder: Path) -> Source:
    npz(folder)
    return Arrays(path=folder / "b.npz")


ARRAYS: dict[str, tuple[Callable[[Path], Source], str]] = {
    "cut npy": (lambda f: cut_npy(f, False), "a.npy: cannot be read, it may be cut short or damaged"),
    "cut npy, mapped": (lambda f: cut_npy(f, True), "a.npy: cannot be read, it may be cut short or damaged"),
    "cut npz": (lambda f: Arrays(path=cut(npz(f))), "a.npz: cannot be read, it may be cut short or damaged"),
    "cut npz, mapped": (lambda f: Arrays(path=cut(npz(f)), memory_map=True), "cut short or damaged"),
    "cut safetensors": (cut_safetensors, "a.safetensors: cannot be read, it may be cut short or damaged"),
    "missing": (typo, r"b.npz: no such file; did you mean .*a.npz\?"),
    "missing folder": (lambda f: Arrays(path=f / "no" / "a.npz"), "no/a.npz in it does not"),
    "a folder": (
        lambda f: Arrays(path=_folder(f / "a.npz")),
        "a.npz: a file is needed, but this is a folder",
    ),
    "other suffix": (
        lambda f: Arrays(path=f / "a.mat"),
        r"arrays are read from .npy, .npz, .safetensors files, not `.mat`",
    ),
    "objects": (
        lambda f: Arrays(path=npz(f, x=np.array([1, "a"], object))),
        "holds Python objects, not numbers",
    ),
    "text": (
        lambda f: Arrays(path=npz(f, x=np.array(["a"] * 12))),
        "x must hold real numbers, but its type is <U1",
    ),
    "NaN": (
        lambda f: Arrays(path=npz(f, x=with_value(X, 7, np.nan))),
        r"a.npz: x\[7\]: input must be finite, but holds nan; mend",
    ),
    "infinities": (
        lambda f: Arrays(path=npz(f, x=with_value(with_value(X, 3, np.inf), 9, -np.inf))),
        r"a.npz: x\[3\]: input must be finite, but holds inf, and 1 more rows do",
    ),
    "NaN, mapped": (
        lambda f: Arrays(path=npz(f, x=with_value(X, 7, np.nan)), memory_map=True),
        r"x\[7\]: input must be finite",
    ),
    "NaN target": (
        lambda f: Arrays(path=npz(f, y=with_value(Y, 2, np.nan))),
        r"y\[2\]: target must be finite, but holds nan",
    ),
    "negative label": (
        lambda f: Arrays(path=npz(f, y=with_value(Y, 4, -1))),
        r"a.npz: y\[4\]: a label must be from 0 to 2, or -100 to be ignored, but is -1",
    ),
    "label out of range": (
        lambda f: Arrays(path=npz(f, y=with_value(Y, 4, 3)), classes=["a", "b", "c"]),
        r"y\[4\]: a label must be from 0 to 2, or -100 to be ignored, but is 3",
    ),
    "label unknown in training": (
        lambda f: Arrays(path=npz(f, y=with_value(Y, 11, 9))).with_fitted({"classes": ["0", "1", "2"]}),
        r"y\[11\]: a label must be from 0 to 2.* but is 9",
    ),
    "fractional label": (
        lambda f: Arrays(path=npz(f, y=with_value(Y, 5, 1.5)), target_dtype="int64"),
        r"y\[5\]: a label must be a whole number, but is 1.5",
    ),
    "classes of floats": (
        lambda f: Arrays(path=npz(f, y=Y / 2), classes=["a", "b"]),
        "classes need integer targets, but targets are float32; set target_dtype",
    ),
    "lengths": (
        lambda f: Arrays(path=npz(f, y=Y[:9])),
        "inputs and targets must be of one length, but x has 12 rows and y has 9",
    ),
    "no such array": (
        lambda f: Arrays(path=npz(f), input="xx"),
        r"no input array `xx`; the file holds x \(12, 5\), y \(12,\); did you mean `x`\?",
    ),
    "no such split": (lambda f: Arrays(path=npz(f), split="val"), "for split `val`; the file holds"),
    "split not chosen": (lambda f: Arrays(path=_only_splits(f)), "choose a part with `split: train`"),
    "one number": (
        lambda f: Arrays(path=npz(f, x=np.array(3.0))),
        "x must have one row a sample, but is a single number",
    ),
    "no samples": (lambda f: Arrays(path=npz(f, x=X[:0], y=Y[:0])), "there is no sample"),
    "layout": (
        lambda f: Arrays(path=npz(f), layout="channels_last"),
        r"needs \(samples, ..., channels\), but the shape is",
    ),
    "scaled integers": (
        lambda f: Arrays(path=npz(f, x=Y), scale=0.5, input_dtype="int64"),
        "scale 0.5 needs inputs of a float type, but they are int64",
    ),
}


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _only_splits(folder: Path) -> Path:
    np.savez(folder / "a.npz", train_x=X, train_y=Y)
    return folder / "a.npz"


def csv(text: str | bytes, **settings: object) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        path = folder / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Table(**{"path": path, "target": "y", **settings})  # type: ignore[arg-type]

    return make


def cut_parquet(folder: Path) -> Source:
    import pandas

    pandas.DataFrame({"a": np.arange(1000.0), "y": np.arange(1000.0)}).to_parquet(folder / "t.parquet")
    return Table(path=cut(folder / "t.parquet"), target="y")


def unseen_class(folder: Path) -> Source:
    train = csv("a,y\n1,cat\n2,dog\n")(folder)
    fitted = train.fitted(np.arange(2))
    return csv("a,y\n1,cat\n2,cow\n")(folder).with_fitted(fitted)


NUMBERS = "\n".join(f"1,{2 * k}" for k in range(150))
TABLES: dict[str, tuple[Callable[[Path], Source], str]] = {
    "text column": (
        csv("a,b,y\n1,2,3.5\n4,x2,6.5\n"),
        "t.csv line 3: column `b` must hold numbers, but holds `x2`; mend it, list the column",
    ),
    "text column after blank lines": (
        csv("a,y\n\n1,2.5\n\n\nx,6.5\n"),
        "t.csv line 6: column `a` must hold numbers",
    ),
    "missing value": (
        csv("a,y\n1,2.5\n,3.5\n"),
        "t.csv line 3: column `a` has no value; fill it in, or set `missing`",
    ),
    "missing category": (
        csv("a,y\nx,2.5\n,3.5\n", categorical=["a"]),
        "t.csv line 3: column `a` has no value",
    ),
    "missing target": (
        csv("a,y\n1,\n2,3.5\n"),
        "t.csv line 2: column `y` has no value; fill it in, or set `missing: drop`",
    ),
    "short line": (csv("a,b,y\n1,2,3.5\n4,5\n"), "t.csv line 3: column `y` has no value"),
    "long line": (
        csv("a,y\n1,2.5\n1,2,3.5\n"),
        "t.csv: cannot be read as a table.*Expected 2 fields in line 3, saw 3",
    ),
    "all lines long": (csv("a,y\n1,2,3.5\n1,2,3.5\n"), "lines have more values than the header has names"),
    "infinity": (csv("a,y\n1,2.5\ninf,3.5\n"), "t.csv line 3: column `a` must be finite, but holds inf"),
    "no target column": (
        csv("a,price\n1,2\n", target="prices"),
        r"no column `prices`; did you mean `price`\?",
    ),
    "no feature column": (csv("age,y\n1,2.5\n", features=["aeg"]), r"no column `aeg`; did you mean `age`\?"),
    "two columns of one name": (csv("a,a,y\n1,2,3.5\n"), "t.csv line 1: two columns are named `a`"),
    "empty file": (csv(""), "t.csv: is empty; the first line must name the columns"),
    "header alone": (csv("a,y\n"), "t.csv: no row is left"),
    "other encoding": (csv("a,y\nÄ,2.5\n".encode("latin-1")), "t.csv: cannot be read as a table"),
    "feature is target": (csv("a,y\n1,2.5\n", features=["y"]), "column `y` is a feature and also the target"),
    "idle category": (
        csv("a,y\n1,2.5\n", categorical=["y"]),
        "categorical column `y` is not among the features",
    ),
    "many whole numbers": (
        csv(f"a,y\n{NUMBERS}\n"),
        "150 different whole numbers, which may be classes or a quantity",
    ),
    "fractional class": (
        csv("a,y\n1,1\n1,2.5\n", target_is="class"),
        "line 3: column `y` holds classes.* but this is 2.5",
    ),
    "unseen class": (unseen_class, "line 3: class `cow` is not among those trained on"),
    "missing file": (lambda f: Table(path=f / "t.csv", target="y"), "t.csv: no such file"),
    "other suffix": (lambda f: Table(path=_touch(f / "t.xls"), target="y"), "not `.xls`"),
    "cut Parquet": (cut_parquet, "t.parquet: cannot be read as a table, it may be cut short or damaged"),
    "vector of classes": (csv("a,y\n1,2\n", target=["y"], target_is="class"), "needs one target column"),
}


def _touch(path: Path) -> Path:
    path.touch()
    return path


def pictures(folder: Path) -> Path:
    root = folder / "set"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for k in range(3):
            noise = np.random.default_rng(k).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(noise).save(root / name / f"{k}.png")
    return root


def spoilt(spoil: Callable[[Path], object], **settings: object) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        root = pictures(folder)
        spoil(root)
        return Images(path=root, **settings)  # type: ignore[arg-type]

    return make


def manifest(text: str) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        root = pictures(folder)
        (folder / "list.csv").write_text(text)
        return Images(path=root, manifest=folder / "list.csv")

    return make


IMAGES: dict[str, tuple[Callable[[Path], Source], str]] = {
    "cut picture": (spoilt(lambda r: cut(r / "dog" / "1.png")), "dog/1.png: cannot be read as a picture"),
    "cut picture, cached": (
        spoilt(lambda r: cut(r / "dog" / "1.png"), cache=True),
        "dog/1.png: cannot be read",
    ),
    "no picture at all": (
        spoilt(lambda r: (r / "dog" / "1.png").write_text("hello")),
        "dog/1.png: cannot be read as a",
    ),
    "empty picture": (
        spoilt(lambda r: (r / "dog" / "1.png").write_bytes(b"")),
        "dog/1.png: cannot be read as a picture",
    ),
    "empty class folder": (
        spoilt(lambda r: (r / "eel").mkdir()),
        "set/eel: holds no picture .*; remove the folder, or set",
    ),
    "picture beside classes": (
        spoilt(lambda r: (r / "cat" / "0.png").rename(r / "0.png")),
        "set/0.png: a picture must lie in the folder of its class",
    ),
    "overlooked extension": (
        spoilt(lambda r: (r / "cat" / "0.png").rename(r / "cat" / "0.gif")),
        "cat/0.gif: is a picture by its name, but extensions are .*; add `gif` or remove",
    ),
    "other size": (
        spoilt(lambda r: Image.new("RGB", (9, 8)).save(r / "dog" / "2.png")),
        r"dog/2.png: pictures must be of one size, but it is 8 x 9 and .*cat/0.png is 32 x 32; set `resize",
    ),
    "16 bits": (
        spoilt(lambda r: Image.new("I;16", (32, 32)).save(r / "cat" / "1.png")),
        "cat/1.png: pictures must have 8 bits a channel, but its mode is I;16",
    ),
    "no classes": (lambda f: Images(path=_folder(f / "set")), "needs one folder a class with pictures in it"),
    "missing folder": (
        lambda f: Images(path=pictures(f).with_name("sett")),
        r"no such folder; did you mean .*/set\?",
    ),
    "unseen class": (
        lambda f: Images(path=pictures(f)).with_fitted({"classes": ["cat", "cow"]}),
        r"dog/0.png: class `dog` is not among those trained on \(cat, cow\)",
    ),
    "manifest without its column": (
        manifest("file,label\nx,1\n"),
        "list.csv: no column `path`; it has file, label",
    ),
    "manifest names no picture": (
        manifest("path,label\ncat/0.png,cat\ncat/7.png,cat\n"),
        "list.csv line 3: picture .*cat/7.png does not exist; did you mean",
    ),
    "manifest without a label": (
        manifest("path,label\ncat/0.png,\n"),
        "list.csv line 2: column `label` is empty",
    ),
    "empty manifest": (manifest(""), "list.csv: no column `path`; it has nothing"),
    "manifest without pictures": (manifest("path,label\n"), "list.csv: there is no picture"),
}


def idx(content: bytes, cut_at: int | None = None) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        labels = struct.pack(">HBBI", 0, 8, 1, 2) + bytes(2)
        (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
        (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content)[:cut_at])
        return FashionMnist(path=folder)

    return make


IDX = struct.pack(">HBBIII", 0, 8, 3, 2, 28, 28)
OTHERS: dict[str, tuple[Callable[[Path], Source], str]] = {
    "idx missing": (lambda f: FashionMnist(path=f), "apt-get install dataset-fashion-mnist"),
    "idx cut": (
        idx(IDX + bytes(2 * 784), cut_at=-12),
        "train-images-idx3-ubyte.gz: cannot be read, it may be cut short",
    ),
    "idx too short": (idx(IDX + bytes(784)), "train-images-idx3-ubyte.gz: cannot be read"),
    "idx of floats": (idx(struct.pack(">HBBI", 0, 13, 1, 0)), "holds type 13, not bytes"),
    "idx lengths": (idx(struct.pack(">HBBIII", 0, 8, 3, 1, 28, 28) + bytes(784)), "1 pictures and 2 labels"),
}
CASES = {
    f"{room}: {name}": case
    for room, cases in (("arrays", ARRAYS), ("table", TABLES), ("images", IMAGES), ("other", OTHERS))
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_check_says_what_is_wrong_in_one_line_with_file_and_row(name: str, tmp_path: Path) -> None:
    import re

    make, words = CASES[name]
    try:
        problems = list(make(tmp_path).check())
    except DataError as error:
        problems = [str(error)]
    assert len(problems) == 1
    assert "\n" not in problems[0]
    assert re.search(words, problems[0]), problems[0]


UNSEEN_AT_FIRST_TOUCH = (
    "NaN",
    "infinities",
    "label",
    "overlooked",
)  # numbers that can be handed out as they are


@pytest.mark.parametrize(
    "name", [name for name in CASES if not any(word in name for word in UNSEEN_AT_FIRST_TOUCH)]
)
def test_touching_bad_data_without_a_check_raises_a_data_error(name: str, tmp_path: Path) -> None:
    make, _ = CASES[name]
    if "no samples" in name or "without pictures" in name:
        assert len(make(tmp_path)) == 0
        return
    with pytest.raises(DataError):
        dataset = Dataset(make(tmp_path))
        dataset.batch(np.arange(len(dataset)), seed=0, epoch=0)


def test_every_bad_column_of_a_table_is_named_at_once(tmp_path: Path) -> None:
    problems = csv("a,b,c,y\n1,x,,1.5\n2,3,4,z\n")(tmp_path).check()
    assert [problem.split("column ")[1][:3] for problem in problems] == ["`b`", "`c`"]


def test_many_bad_pictures_are_counted_beyond_the_first_five(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    for k in range(20):
        (root / "cat" / f"bad{k:02}.png").write_bytes(b"no")
    problems = Images(path=root).check()
    assert len(problems) == 6 and problems[-1] == "15 more pictures have such problems"


def test_an_ignored_label_is_no_problem(tmp_path: Path) -> None:
    assert list(Arrays(path=npz(tmp_path, y=with_value(Y, 4, -100))).check()) == []


def test_empty_class_folders_are_kept_when_told(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    (root / "eel").mkdir()
    source = Images(path=root, allow_empty=True)
    assert source.info().class_counts == (3, 3, 0) and list(source.check()) == []


def test_a_layout_for_pictures_is_refused_where_there_are_none() -> None:
    with pytest.raises(DataError, match="only digits are pictures"):
        Sklearn(name="iris", layout="image")
