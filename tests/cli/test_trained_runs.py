"""What is done with a trained run: each command finds it by run file or folder, and says what it did."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from leyden.cli.export import FORMATS
from leyden.cli.main import main

from .conftest import Example


def said(words: list[str | Path], capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return err if code else out


def test_training_again_says_that_it_is_done(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["train", trained.file], capsys)
    assert text.startswith("finished before, so there is nothing to do")
    assert f"leyden train {trained.file} --fresh" in text
    assert "val/accuracy" in text and f"leyden test {trained.folder}" in text


def test_run_file_and_run_folder_name_the_same_run(
    trained: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    by_file = said(["test", trained.file], capsys)
    assert re.search(r"test/accuracy +0\.\d+|test/accuracy +1", by_file)
    assert said(["test", trained.folder], capsys) == by_file


def test_data_can_be_chosen(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    row = json.loads((trained.folder / "results.json").read_text())["repeats"][0]
    text = said(["test", trained.folder, "--data", "val", "--checkpoint", "last"], capsys)
    assert re.search(rf"val/loss +{row['metrics']['val/loss']:.4g}\n", text)


def test_predictions_are_a_row_a_sample(
    trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["predict", trained.file, "-o", tmp_path / "out" / "p.csv"], capsys)
    rows = list(csv.DictReader((tmp_path / "out" / "p.csv").read_text().splitlines()))
    assert "21 samples" in text
    assert [int(row["row"]) for row in rows] == list(range(21))
    assert {"target", "class"} < rows[0].keys()


def test_predictions_agree_with_the_measured_accuracy(
    trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(["predict", trained.folder, "--data", "test", "-o", tmp_path / "p.npz"], capsys)
    archive = np.load(tmp_path / "p.npz")
    accuracy = float((archive["class"] == archive["target"]).mean())
    assert re.search(rf"test/accuracy +{accuracy:.4g}\n", said(["test", trained.folder], capsys))


def test_an_unknown_ending_is_refused_before_any_work(
    trained: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["predict", trained.file, "-o", "out.xlsx"], capsys, code=2)
    assert ".csv, .jsonl, .npz, .parquet" in text


def test_cli_offers_the_formats_that_there_are() -> None:
    from leyden.backends.torch.export import writing

    assert set(FORMATS) == writing.FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_export_is_compared_and_kept(
    name: str, trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["export", trained.file, "--format", name, "-o", tmp_path / "model"], capsys)
    assert (tmp_path / "model").is_file()
    assert re.search(r"takes +input \[8\] a sample, batches of any size", text)
    difference = re.search(r"differs from the model by at most (\S+) ", text)
    assert difference is not None and float(difference[1]) < 1e-5


def test_ema_of_a_run_without_one_is_refused(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    words: list[str | Path] = ["export", trained.file, "--format", "safetensors", "--weights", "ema"]
    assert "keeps no moving average" in said(words, capsys, code=2)


def test_what_was_not_trained_is_said_with_the_command_that_does(
    trained: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["test", trained.file, "seed=7"], capsys, code=2)
    assert f"this trains it:\n  leyden train {trained.file} seed=7\n" in text


def test_an_unknown_checkpoint_gets_the_list(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["test", trained.folder, "--checkpoint", "epoch=3.ckpt"], capsys, code=2)
    assert "step=12.ckpt" in text


def test_a_checkpoint_is_found_by_its_name(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["test", trained.folder, "--checkpoint", "step=12.ckpt"], capsys)
    assert text.startswith(str(trained.folder / "checkpoints" / "repeat_0" / "step=12.ckpt"))


def test_a_best_checkpoint_that_was_never_measured_is_said_with_the_repair(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(example.file), "trainer.max_steps=2"]
    assert main(["train", *words]) == 0
    assert main(["test", *words]) == 2
    told = capsys.readouterr().err
    assert "val/accuracy was measured at none" in told and "--checkpoint last" in told
    assert main(["test", *words, "--checkpoint", "last"]) == 0


def test_a_damaged_checkpoint_is_never_loaded(
    trained: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / trained.folder.name
    shutil.copytree(trained.folder, folder, symlinks=True)
    for file in (folder / "checkpoints" / "repeat_0").glob("step=*.ckpt"):
        file.write_bytes(file.read_bytes()[:-1])
    assert "is damaged" in said(["test", folder], capsys, code=2)
    assert "instead of" in said(["ls", folder, "--checkpoints"], capsys)


def test_ls_lists_runs_and_checkpoints(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    heading, line = said(["ls", trained.root], capsys).splitlines()
    assert heading.split()[:4] == ["under", str(trained.root), "status", "measured"]
    assert line.split()[1:4] == ["finished", "val/accuracy", line.split()[3]]
    kept = said(["ls", trained.folder, "--checkpoints"], capsys)
    assert "step=12.ckpt" in kept and "intact" in kept


def test_ls_json_is_for_programs(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    [one] = json.loads(said(["ls", trained.root, "--json"], capsys))
    assert (one["path"], one["status"], one["steps"]) == (str(trained.folder), "finished", 12)


def test_test_json_is_for_programs(trained: Example, capsys: pytest.CaptureFixture[str]) -> None:
    measured = json.loads(said(["test", trained.folder, "--json"], capsys))
    assert measured.keys() == {"0"} and measured["0"].keys() == {"test/loss", "test/accuracy"}


def test_a_folder_without_a_run_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"`leyden ls {tmp_path}` lists" in said(["test", tmp_path], capsys, code=2)


def test_ls_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["ls", tmp_path], capsys) == f"no runs under {tmp_path}\n"
    assert "no such folder" in said(["ls", tmp_path / "gone"], capsys, code=2)
