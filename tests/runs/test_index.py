from __future__ import annotations

import hashlib
import json
import math
import os
import random
from pathlib import Path

import pytest

from leyden.runs.index import CheckpointIndex
from leyden.runs.retention import Retention
from leyden.spec.errors import DataError

EVERY = Retention(save_top_k=-1)


def filled(folder: Path, *steps: int, retention: Retention = EVERY) -> CheckpointIndex:
    index = CheckpointIndex(folder, retention)
    for step in steps:
        index.save(f"weights of step {step}".encode(), step=step, metrics={"val/loss": 1 / (step + 1)})
    return index


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("step=*")}


def test_a_checkpoint_is_entered_with_its_digest(tmp_path: Path) -> None:
    entry = filled(tmp_path, 7).entries()[0]
    data = (tmp_path / "step=7.ckpt").read_bytes()
    assert (entry.step, entry.bytes, entry.sha256) == (7, len(data), hashlib.sha256(data).hexdigest())
    assert entry.metrics == {"val/loss": 0.125}
    told = json.loads((tmp_path / "index.json").read_text())["checkpoints"][0]
    assert told["kept"] == ["newest", "all", "last"]


def test_what_is_not_kept_is_deleted(tmp_path: Path) -> None:
    index = filled(tmp_path, 1, 2, 3, 4, retention=Retention(monitor="val/loss", mode="max"))
    assert files(tmp_path) == {"step=1.ckpt", "step=3.ckpt", "step=4.ckpt"}
    best = index.best()
    assert best is not None and best.step == 1


def test_the_newest_intact_one_is_found_and_newer_damage_is_named(tmp_path: Path) -> None:
    index = filled(tmp_path, 1, 2, 3, 4)
    (tmp_path / "step=4.ckpt").unlink()
    flipped = bytearray((tmp_path / "step=3.ckpt").read_bytes())
    flipped[5] ^= 1
    (tmp_path / "step=3.ckpt").write_bytes(flipped)
    found = index.newest_good()
    assert found.entry is not None and found.entry.step == 2
    missing, flipped_one = found.damaged
    assert missing.endswith("step=4.ckpt: the file is missing")
    assert "step=3.ckpt: its SHA-256 is " in flipped_one


def test_an_unindexed_file_is_never_found(tmp_path: Path) -> None:
    index = filled(tmp_path, 1)
    (tmp_path / "step=9.ckpt").write_bytes(b"from elsewhere")
    found = index.newest_good()
    assert found.entry is not None and found.entry.step == 1


def test_nothing_is_found_in_an_empty_folder(tmp_path: Path) -> None:
    found = CheckpointIndex(tmp_path / "none").newest_good()
    assert found.entry is None and found.damaged == ()


def test_a_second_checkpoint_of_a_step_never_overwrites_the_first(tmp_path: Path) -> None:
    """Until the index names the new file, the old one may be all there is."""
    index = filled(tmp_path, 5)
    again = index.save(b"the same step, after its validation", step=5, metrics={})
    assert again.file == "step=5-2.ckpt"
    assert files(tmp_path) == {"step=5-2.ckpt"}
    assert index.save(b"third", step=5, metrics={}).file == "step=5.ckpt"


def test_last_points_to_the_newest(tmp_path: Path) -> None:
    filled(tmp_path, 1, 2)
    assert (tmp_path / "last.ckpt").read_bytes() == b"weights of step 2"


def test_a_damaged_index_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    index = filled(tmp_path, 1, 2, 3)
    (tmp_path / "index.json").write_text('{"checkpoints": [{"st')
    found = index.newest_good()
    assert found.entry is not None and found.entry.step == 2
    (tmp_path / "index.previous.json").write_text("")
    with pytest.raises(DataError, match=r"index\.previous\.json must be JSON"):
        index.newest_good()


@pytest.mark.parametrize("text", ["{}", '{"checkpoints": [1]}', '{"checkpoints": [{"step": 1}]}'])
def test_an_index_without_entries_in_it_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DataError, match="must list checkpoints"):
        CheckpointIndex(tmp_path).entries()


def test_a_write_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(tmp_path, 1, retention=Retention())
    before = (tmp_path / "index.json").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        index.save(b"x", step=2, metrics={})
    assert (tmp_path / "index.json").read_bytes() == before
    assert files(tmp_path) == {"step=1.ckpt"}


def test_a_file_that_reads_back_differently_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(tmp_path, 1, retention=Retention())
    monkeypatch.setattr(os, "replace", lambda a, b: Path(b).write_bytes(Path(a).read_bytes()[:-1]))
    with pytest.raises(OSError, match="does not read back as it was written: it has 4 bytes instead of 5"):
        index.save(b"bytes", step=2, metrics={})
    assert [entry.step for entry in index.entries()] == [1]


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_to_any_file_leaves_an_intact_one_or_says_so(tmp_path: Path, seed: int) -> None:
    """Cut, flip or zero one file at a random place: what is found is always something that was written."""
    rng = random.Random(seed)
    index = filled(tmp_path, 1, 2, 3)
    victim = rng.choice([path for path in tmp_path.iterdir() if not path.is_symlink()])
    data = bytearray(victim.read_bytes())
    place = rng.randrange(len(data))
    match rng.choice(["cut", "flip", "zero"]):
        case "cut":
            data = data[:place]
        case "flip":
            data[place] ^= 1 << rng.randrange(8)
        case _:
            data[place:] = bytes(len(data) - place)
    victim.write_bytes(data)
    found = index.newest_good()
    assert found.entry is not None
    assert index.path(found.entry).read_bytes() in {f"weights of step {step}".encode() for step in (1, 2, 3)}


def test_metrics_that_are_not_numbers_come_back(tmp_path: Path) -> None:
    index = CheckpointIndex(tmp_path)
    index.save(b"x", step=1, metrics={"val/loss": math.nan, "val/gain": math.inf})
    metrics = index.entries()[0].metrics
    assert math.isnan(metrics["val/loss"]) and metrics["val/gain"] == math.inf


def test_what_a_kill_left_is_deleted_with_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(tmp_path, 1, 2, retention=Retention())

    unlink = Path.unlink

    def killed(path: Path, **how: bool) -> None:
        if path.name == "step=1.ckpt":
            raise KeyboardInterrupt
        unlink(path, **how)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)  # after the index was written, before the old file is deleted
        index.save(b"three", step=3, metrics={})
    (tmp_path / ".step=4.ckpt.1-2.tmp").write_bytes(b"half")
    assert files(tmp_path) == {"step=1.ckpt", "step=2.ckpt", "step=3.ckpt"}
    index.save(b"four", step=4, metrics={})
    assert files(tmp_path) == {"step=3.ckpt", "step=4.ckpt"}
    assert not list(tmp_path.glob("*.tmp"))
