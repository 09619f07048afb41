"""A run file means the same wherever the command is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from leyden.spec import load

RUN = """
data:
  train: {type: arrays, path: train.npz}
  val: {type: arrays, path: /elsewhere/val.npz}
model: mlp
task: classification
loss: cross_entropy
optimizer: sgd
trainer: {max_epochs: 1}
folder: {root: results}
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    file = tmp_path / "project" / "run.yaml"
    file.parent.mkdir()
    file.write_text(RUN)
    return file


def test_a_relative_path_in_a_file_starts_from_the_files_folder(run_file, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = load("project/run.yaml")
    assert run.data.train.settings()["path"] == run_file.parent / "train.npz"


def test_an_absolute_path_and_the_root_of_results_stay_as_they_are(run_file):
    run = load(run_file)
    assert run.data.val.settings()["path"] == Path("/elsewhere/val.npz")
    assert run.folder.root == Path("results")


def test_a_relative_path_of_the_command_line_starts_from_the_current_folder(run_file, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = load(run_file, ["data.train.path=other.npz"])
    assert run.data.train.settings()["path"] == tmp_path / "other.npz"


def test_a_path_of_an_extended_file_starts_from_that_files_folder(run_file, tmp_path):
    child = tmp_path / "child.yaml"
    child.write_text("extends: project/run.yaml\nseed: 7\n")
    assert load(child).data.train.settings()["path"] == run_file.parent / "train.npz"


def test_the_place_of_a_path_is_still_its_line(run_file):
    assert load(run_file).origins["data.train.path"] == f"{run_file}:3"
