"""One run file in, one trained model out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import leyden
from leyden.main.train import Result
from leyden.runs.folder import RunFolder


def weights(result: Result) -> list[str]:
    """The digest of each repeat's final weights."""
    return [row.weights_sha256 for row in result.rows]


def test_training_from_the_resolved_file_gives_bitwise_the_same_weights(run_file):
    first = leyden.train(run_file)
    again = leyden.train(first.folder.resolved)
    assert again.folder.path != first.folder.path
    assert weights(again) == weights(first)
    assert again.rows[0].metrics == first.rows[0].metrics


def test_the_resolved_file_is_the_same_run_wherever_it_is_put(run_file, tmp_path):
    first = leyden.train(run_file, "trainer.max_epochs=2")
    copy = tmp_path / "elsewhere" / "copy.yaml"
    copy.parent.mkdir()
    copy.write_bytes(first.folder.resolved.read_bytes())
    assert leyden.load(copy) == leyden.load(first.folder.resolved)
    assert leyden.load(copy).digest() == leyden.load(run_file, ["trainer.max_epochs=2"]).digest()


@pytest.mark.parametrize(
    "words",
    [
        ["trackers=[]"],
        ["trainer.enable_progress_bar=false"],
        ["trackers=[memory]", "callbacks=[throughput, learning_rate_monitor]"],
        ["trainer.log_every_n_steps=1"],
        ["trainer.steps_per_call=4"],
    ],
    ids=lambda words: ",".join(words),
)
def test_what_is_watched_does_not_change_the_weights(run_file, words):
    plain = leyden.train(run_file, "folder.group=plain")
    watched = leyden.train(run_file, *words, "folder.group=watched")
    assert weights(watched) == weights(plain)


def times(folder: Path) -> dict[Path, int]:
    """When each file of a folder was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def picture_folder(folder: Path) -> Path:
    """Pictures of two classes, which have to be decoded one by one."""
    rng = np.random.default_rng(0)
    for label, shade in (("dark", 60), ("light", 180)):
        (folder / label).mkdir(parents=True)
        for number in range(14):
            pixels = rng.integers(shade - 50, shade + 50, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


def test_zero_and_two_workers_give_bitwise_the_same_weights(run_file, tmp_path):
    pictures = picture_folder(tmp_path / "pictures")
    run_file.write_text(f"""
name: pictures
data:
  train:
    type: images
    path: {pictures}
    transforms: [flip, {{type: crop, size: 8, padding: 1}}, {{type: noise, std: 0.1}}]
  split: {{type: random, val: 6}}
  batch_size: 5
model: {{type: cnn, channels: [8]}}
task: classification
loss: cross_entropy
optimizer: {{type: sgd, lr: 0.05}}
trainer: {{max_epochs: 2}}
trackers: []
""")
    alone = leyden.train(run_file, "folder.group=alone")
    helped = leyden.train(run_file, "data.num_workers=2", "folder.group=helped")
    assert weights(helped) == weights(alone)


def test_repeats_have_their_own_seeds_and_are_summed_up(run_file):
    result = leyden.train(run_file, "repeats=3")
    assert [row.seed for row in result.rows] == [3, 4, 5]
    assert len(set(weights(result))) == 3
    losses = [row.metrics["val/loss"] for row in result.rows]
    assert result.metrics["val/loss"].mean == pytest.approx(np.mean(losses), rel=1e-12)
    assert result.metrics["val/loss"].std == pytest.approx(np.std(losses, ddof=1), rel=1e-12)


def test_a_repeat_is_the_run_with_its_seed(run_file):
    repeated = leyden.train(run_file, "repeats=2")
    alone = leyden.train(run_file, "seed=4")
    assert weights(repeated)[1] == weights(alone)[0]


def test_a_finished_run_is_not_trained_again(run_file):
    first = leyden.train(run_file)
    before = {path: path.stat().st_mtime_ns for path in first.folder.path.rglob("*") if path.is_file()}
    again = leyden.train(run_file)
    assert again.already_done and again.folder == first.folder
    assert {
        path: path.stat().st_mtime_ns for path in first.folder.path.rglob("*") if path.is_file()
    } == before


def test_a_fresh_run_goes_beside_the_finished_one_and_equals_it(run_file):
    first = leyden.train(run_file)
    fresh = leyden.train(run_file, fresh=True)
    assert fresh.folder.path.name == f"{first.folder.path.name}-2"
    assert weights(fresh) == weights(first)


def test_the_run_folder_holds_what_the_design_says(run_file):
    folder = leyden.train(run_file).folder
    assert folder.status == "finished"
    for name in ("run.yaml", "resolved.yaml", "environment.json", "results.json", "curves.png"):
        assert (folder.path / name).stat().st_size > 0, name
    assert (folder.logs(0) / "metrics.csv").is_file()
    assert list(folder.logs(0).glob("events.out.tfevents.*"))
    assert folder.checkpoints(0).joinpath("index.json").is_file()
    told = json.loads(folder.environment.read_text())
    assert set(told["data"]) == {"train", "val", "test"}


def test_scalars_of_a_run_can_be_read_as_a_table(run_file):
    folder = leyden.train(run_file).folder
    table = leyden.read_scalars(folder.path)
    assert {"step", "train/loss", "val/loss", "val/accuracy", "lr"} <= set(table.columns)


def test_a_failure_is_recorded_with_its_reason(run_file, monkeypatch):
    import leyden.backends.torch.fit as torch_fit

    def broken(*args: object) -> None:
        raise RuntimeError("the lamp went out")

    monkeypatch.setattr(torch_fit, "fit", broken)
    with pytest.raises(RuntimeError, match="lamp"):
        leyden.train(run_file)
    (folder,) = Path("runs").glob("project_*/experiment_*/group_*")
    assert RunFolder(folder).status == "failed"
    assert "the lamp went out" in RunFolder(folder).rows()[0].reason
    assert "the lamp went out" in (RunFolder(folder).logs(0) / "log.txt").read_text()


def test_a_ctrl_c_after_the_last_border_stops_no_other_run(run_file, monkeypatch, caplog):
    import leyden.backends.torch.attempt as attempt

    close = attempt.Keeper.close

    def late(keeper):
        os.kill(os.getpid(), signal.SIGINT)
        close(keeper)

    monkeypatch.setattr(attempt.Keeper, "close", late)
    assert leyden.train(run_file).exit_code == 0
    monkeypatch.undo()
    assert "a signal came when the run had nothing left to stop" in caplog.text
    assert leyden.train(run_file, "seed=9").exit_code == 0


def test_two_processes_give_the_weights_of_one(run_file, tmp_path):
    common = ["model.dropout=0", "trainer.max_epochs=2", "trackers=[]"]
    alone = leyden.train(run_file, *common)
    script = tmp_path / "both.py"
    words = [*common, "trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp"]
    script.write_text(f"import leyden\nleyden.train({str(run_file)!r}, *{words!r})\n")
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folders = [RunFolder(path) for path in tmp_path.glob("runs/project_*/experiment_*/group_*")]
    (both,) = (folder for folder in folders if folder.path.name != alone.folder.path.name)
    one, two = alone.rows[0].metrics, both.rows()[0].metrics
    assert two["val/loss"] == pytest.approx(one["val/loss"], abs=1e-6)
    assert two["val/accuracy"] == one["val/accuracy"]
