"""Settings whose effect is a file, or a refusal that only the machine can say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import leyden
from leyden.spec.errors import RunFileError, UserError


@pytest.mark.parametrize("profiler", ["simple", "advanced", "pytorch"])
@pytest.mark.filterwarnings("ignore:The PyTorch Profiler default schedule will be overridden")
def test_what_a_profiler_finds_is_in_the_log_folder(run_file: Path, profiler: str) -> None:
    result = leyden.train(run_file, f"trainer.profiler={profiler}", "trackers=[]")
    text = (result.folder.logs(0) / "fit-profile.txt").read_text()
    assert "training_step" in text or "aten::" in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("trainer.accelerator=gpu", "trainer.accelerator"),
        ("trainer.devices=[0]", "trainer.devices"),
        ("trainer.devices=-1", "trainer.devices"),
        ("trainer.precision=16-mixed", "trainer.precision"),
    ],
)
def test_what_needs_a_gpu_is_refused_by_its_key_where_there_is_none(
    run_file: Path, setting: str, key: str
) -> None:
    with pytest.raises(UserError, match=f"^{key}: .*there is none; write"):
        leyden.train(run_file, setting)


@pytest.mark.parametrize(
    ("setting", "key", "words"),
    [
        ("optimizer.groups=[{match: 'nothing*', lr: 0.1}]", "optimizer", "must match a parameter"),
        ("model={type: cnn, channels: [9]}", "model", "cnn reads images"),
    ],
)
def test_what_shows_only_when_it_is_built_is_told_at_its_key(
    run_file: Path, setting: str, key: str, words: str
) -> None:
    with pytest.raises(RunFileError, match=words) as caught:
        leyden.train(run_file, setting)
    assert [problem.key for problem in caught.value.problems] == [key]
    deep = leyden.check(leyden.load(run_file, [setting]), deep=True).problems
    assert [problem.key for problem in deep] == [key]


def test_a_misfit_is_answered_with_parts_of_its_own_section(run_file: Path) -> None:
    run = leyden.load(run_file, ["task=regression", "metrics=[accuracy]"])
    rules = {problem.key: problem.rule for problem in leyden.check(run).problems}
    assert "use mse, l1, huber," in rules["loss.cross_entropy"]
    assert "use mse, mae, r2," in rules["metrics.accuracy"]


def test_pictures_in_a_file_are_refused_as_such(run_file: Path) -> None:
    run = leyden.load(run_file, [f"data.train={{type: images, path: {run_file}}}"])
    assert "a folder is needed, but this is a file" in str(leyden.check(run).problems[0])


def test_workers_that_would_not_be_started_are_said(run_file: Path) -> None:
    warnings = leyden.check(leyden.load(run_file, ["data.num_workers=2"])).warnings
    assert any("no worker is started" in warning for warning in warnings)


def test_a_split_that_holds_nothing_out_is_refused(run_file: Path) -> None:
    [problem] = leyden.check(leyden.load(run_file, ["data.split={type: random, val: 0}"])).problems
    assert "hold something out" in str(problem)
