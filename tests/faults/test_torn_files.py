"""A damaged checkpoint is named and the one before it is used, whatever the damage; none is loaded."""

from __future__ import annotations

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.backends.torch.shelf import DamagedCheckpointWarning, Shelf
from leyden.runs.retention import Retention
from leyden.spec.errors import DataError
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.scale import chance, count


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has kept as few of its checkpoints as can be set."""
    folder = tmp_path_factory.mktemp("torn")
    child = Child(lambda: runs.train(folder, "plain", "checkpoint.save_top_k=0"), folder / "log")
    assert child.wait() == 0, child.said()
    return folder


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def zero(data: bytearray, rng: random.Random) -> None:
    """A block of zeros, as file systems leave it; over bytes that are not all zero already."""
    before = bytes(data)
    while bytes(data) == before:
        first = rng.randrange(len(data))
        size = min(rng.choice((1, 16, 512, 4096)), len(data) - first)
        data[first : first + size] = bytes(size)


DAMAGES = {"cut": cut, "bit flipped": flip, "zeroed": zero}


def test_a_torn_checkpoint_is_never_loaded(trained: Path, say: Callable[..., None]) -> None:
    index = runs.home(trained).index(0, Retention(save_top_k=0))
    *_, before, newest = index.entries()
    whole, file = index.path(newest).read_bytes(), index.path(newest)
    done, wrong = Counter[str](), list[str]()
    for trial in range(count(60, 1000)):
        rng, data = chance("torn", trial), bytearray(whole)
        name = list(DAMAGES)[trial % len(DAMAGES)]
        DAMAGES[name](data, rng)
        file.write_bytes(data)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = Shelf(index).newest()
        told = [str(w.message) for w in caught if w.category is DamagedCheckpointWarning]
        if found != index.path(before) or len(told) != 1 or str(file) not in told[0]:
            wrong.append(f"trial {trial}, {name}: {found}, {told}")
        done[name] += 1
    file.write_bytes(whole)
    say("torn checkpoints", trials=sum(done.values()), by=done, wrong=len(wrong))
    assert not wrong, "\n\n".join(wrong)
    assert Shelf(index).newest() == file


def test_a_torn_index_is_never_believed(trained: Path, say: Callable[..., None]) -> None:
    """What is found is a checkpoint with its own digest, or the index is named as damaged."""
    index = runs.home(trained).index(0, Retention(save_top_k=0))
    whole = index.file.read_bytes()
    good = {(entry.file, entry.sha256) for entry in index.entries()}
    wrong, named, fell_back, harmless, newest = list[str](), 0, 0, 0, index.entries()[-1]
    for trial in range(count(60, 1000)):
        rng, data = chance("index", trial), bytearray(whole)
        DAMAGES[list(DAMAGES)[trial % 3]](data, rng)
        index.file.write_bytes(data)
        try:
            found = index.newest_good()
        except DataError as error:
            named += str(index.file) in str(error)
            continue
        fell_back += 1
        named += any(str(index.file) in damage for damage in found.damaged)
        harmless += not found.damaged and found.entry == newest  # white space
        if found.entry is None or (found.entry.file, found.entry.sha256) not in good:
            wrong.append(f"trial {trial}: {found.entry}")
    index.file.write_bytes(whole)
    say("torn indexes", trials=trial + 1, named=named, harmless=harmless, went_on=fell_back)
    assert wrong == [] and named + harmless == trial + 1


def test_a_run_goes_on_from_the_checkpoint_before_and_ends_the_same(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    reference = runs.ended(trained)
    shutil.copytree(trained, folder)
    home = runs.home(folder)
    home.results.unlink()
    index = home.index(0)
    data = bytearray(index.path(index.entries()[-1]).read_bytes())
    flip(data, chance("end"))
    index.path(index.entries()[-1]).write_bytes(data)
    words = ("checkpoint.save_top_k=0",)
    child = Child(lambda: runs.train(folder, "plain", *words), tmp_path / "log")
    assert child.wait() == 0, child.said()
    from tests.backends.torch.death import differences

    assert differences(reference, runs.ended(folder)) == []
    assert "going on from step" in child.said()
