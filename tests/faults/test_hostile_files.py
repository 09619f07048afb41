"""Files from others cannot run code: each kind is refused by name, and nothing in it is executed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden.runs.begin import begin
from leyden.runs.index import CheckpointIndex
from leyden.runs.place import place
from leyden.spec import load
from tests.backends.torch.toy import toy_parts, train
from tests.faults import runs

TOKEN = "hf_" + "s3cr3t" * 6


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def test_a_malicious_checkpoint_is_refused_even_with_its_digest_in_the_index(
    tmp_path: Path, mark: Path
) -> None:
    train(toy_parts(trainer={"max_epochs": 1}), tmp_path / "run")
    index = CheckpointIndex(tmp_path / "run" / "checkpoints" / "repeat_0")
    index.save(lambda file: torch.save({"state_dict": Malicious(mark)}, file), step=8, metrics={})
    with pytest.raises(Exception, match=r"(?i)weights_only|unsupported|posix"):
        train(toy_parts(), tmp_path / "run")
    assert not mark.exists()


def trained_on(path: Path, folder: Path) -> Callable[[], object]:
    words = (f"data.train={{type: arrays, path: {path}}}", "data.val=null")
    return lambda: runs.train(folder, "plain", *words)


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_arrays_of_objects_are_refused_by_name(ending: str, tmp_path: Path, mark: Path) -> None:
    file = tmp_path / f"data.{ending}"
    objects = np.array([Malicious(mark)] * 3, dtype=object)
    if ending == "npz":
        np.savez(file, input=objects, target=np.zeros(3, np.int64))
    else:
        np.save(file, objects)
    with pytest.raises(ValueError, match=f"data.{ending}"):
        trained_on(file, tmp_path)()
    assert not mark.exists()


def test_a_pickle_under_the_name_of_an_array_is_refused(tmp_path: Path, mark: Path) -> None:
    for ending in ("npz", "npy"):
        file = tmp_path / f"data.{ending}"
        file.write_bytes(pickle.dumps(Malicious(mark)))
        with pytest.raises(ValueError, match=f"data.{ending}"):
            trained_on(file, tmp_path)()
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['touch {mark}']\n",
        "name: x\nmodel: {{type: 'os:system'}}\n",
        "imports: [evil]\nname: x\n",
        "name: ${{os.system('touch {mark}')}}\n",
    ],
)
def test_a_run_file_cannot_run_code(
    text: str, tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "run.yaml"
    file.write_text(text.format(mark=mark))
    with pytest.raises(ValueError):
        load(file, (), environ={})
    assert not mark.exists()


def test_a_safetensors_file_that_is_a_pickle_is_refused(tmp_path: Path, mark: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = tmp_path / "model.safetensors"
    file.write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(SafetensorError):
        load_file(file)
    assert not mark.exists()


def test_secrets_of_the_environment_reach_no_file_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, TOKEN)
    runs.train(tmp_path, "plain", "trackers=[tensorboard]", "trainer.max_epochs=1")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "remark",
    [
        f"# export HF_TOKEN={TOKEN}",
        f"# WANDB_API_KEY = {TOKEN[3:]}",
        f"# password: {TOKEN[3:]}, for the cluster",
        f"# was https://me:{TOKEN[3:]}@host/data",
        f"# -----BEGIN PRIVATE KEY-----\n# {TOKEN[3:]}\n# -----END PRIVATE KEY-----",
    ],
)
def test_a_secret_in_a_remark_of_a_run_file_reaches_no_file_of_a_run(remark: str, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(f"{remark}\n{runs.RUN}# the end\n")
    run = load(file, (f"folder.root={tmp_path / 'runs'}",), environ={})
    folder = place(run)
    begin(folder, run, {})
    given = (folder.path / "run.yaml").read_text()
    assert "***" in given and given.rpartition("***")[2].partition("name: fault")[2].startswith(runs.RUN[11:])
    assert [p for p in (tmp_path / "runs").rglob("*") if p.is_file() and TOKEN[3:] in p.read_text()] == []


def test_a_secret_in_a_run_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = runs.write(tmp_path)
    with pytest.raises(ValueError) as error:
        load(file, (f"name={TOKEN}",), environ={})
    assert TOKEN not in str(error.value)
