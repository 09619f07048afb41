"""Disks that are full, read-only or gone: a warning, the last good checkpoint stays, training goes on."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from leyden.backends.torch.saver import FailedSaveWarning, SaveError
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.death import differences, what_must_agree
from tests.backends.torch.toy import newest, toy_parts, train


class During(Callback):
    """Does something between two steps."""

    def __init__(self, doing: Mapping[int, Callable[[], object]]) -> None:
        self.doing = doing

    def on_step_end(self, fit: Fit, /) -> None:
        self.doing.get(fit.step, lambda: None)()


def every_step(folder: Path, doing: Mapping[int, Callable[[], object]], **checkpoint: Any) -> Any:
    settings = {"every": "1 steps", **checkpoint}
    return train(toy_parts(checkpoint=settings, callbacks=[During(doing)]), folder)


def refuse(code: int) -> Callable[..., None]:
    def fsync(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    return fsync


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    train(toy_parts(checkpoint={"every": "1 steps"}, callbacks=[During({})]), tmp_path / "whole")
    return what_must_agree(newest(tmp_path / "whole"), tmp_path / "whole")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_disk_that_fails_for_a_while_costs_nothing_but_those_checkpoints(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    working = os.fsync
    doing = {
        8: lambda: monkeypatch.setattr(os, "fsync", refuse(code)),
        10: lambda: monkeypatch.setattr(os, "fsync", working),
    }
    with pytest.warns(FailedSaveWarning, match="the one before stands, and training goes on"):
        assert every_step(tmp_path / "run", doing, max_failures=9).status == "finished"
    assert differences(whole, what_must_agree(newest(tmp_path / "run"), tmp_path / "run")) == []


def test_a_run_stops_once_too_many_saves_have_failed_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    doing = {8: lambda: monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))}
    with (
        pytest.warns(FailedSaveWarning),
        pytest.raises(SaveError, match="No space left on device; make room"),
    ):
        every_step(tmp_path / "run", doing, max_failures=3)
    # that of step 7 may still have been on its way
    assert newest(tmp_path / "run")["leyden"]["session"]["position"]["step"] in (6, 7)
    monkeypatch.undo()
    assert every_step(tmp_path / "run", {}).status == "finished"
    assert differences(whole, what_must_agree(newest(tmp_path / "run"), tmp_path / "run")) == []


def test_memory_that_runs_out_while_a_checkpoint_is_written_costs_nothing_but_that_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    working = torch.save

    def poor(*args: Any) -> None:
        raise MemoryError("injected while a checkpoint is written")

    doing = {
        8: lambda: monkeypatch.setattr(torch, "save", poor),
        10: lambda: monkeypatch.setattr(torch, "save", working),
    }
    with pytest.warns(FailedSaveWarning, match="injected while a checkpoint is written"):
        assert every_step(tmp_path / "run", doing, max_failures=9).status == "finished"
    assert differences(whole, what_must_agree(newest(tmp_path / "run"), tmp_path / "run")) == []


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    with warnings.catch_warnings():
        # a save that is being written at that moment fails, and says so; the ones after it do not
        warnings.simplefilter("ignore", FailedSaveWarning)
        outcome = every_step(tmp_path / "run", {9: lambda: shutil.rmtree(checkpoints, ignore_errors=True)})
    assert outcome.status == "finished"
    assert newest(tmp_path / "run")["leyden"]["session"]["position"]["step"] == 21


def test_the_last_finite_checkpoint_outlives_any_number_of_others(tmp_path: Path) -> None:
    from leyden.runs.index import CheckpointIndex
    from leyden.runs.retention import Retention

    index = CheckpointIndex(tmp_path, Retention(save_top_k=1))
    index.save(b"good", step=1, metrics={})
    for step in range(2, 30):
        index.save(b"bad", step=step, metrics={}, finite=False)
    assert [(e.step, e.kept) for e in index.entries()] == [
        (1, ("last finite",)),
        (28, ("spare",)),
        (29, ("newest", "last")),
    ]
    assert (tmp_path / "step=1.ckpt").read_bytes() == b"good"
