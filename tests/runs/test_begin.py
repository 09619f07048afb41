from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.runs import manifest
from leyden.runs.begin import begin
from leyden.runs.folder import RunFolder
from leyden.runs.place import place
from leyden.runs.retention import Retention
from leyden.spec import Run, load

Load = Callable[..., Run]


def begun(run: Run) -> RunFolder:
    folder = place(run)
    begin(folder, run, {"train": "4f"})
    return folder


def test_the_run_file_is_copied_byte_for_byte(load_run: Load, run_file: Path) -> None:
    run_file.write_bytes(run_file.read_bytes().replace(b"\n", b"\r\n"))
    folder = begun(load_run())
    assert (folder.path / "run.yaml").read_bytes() == run_file.read_bytes()


def test_overrides_are_noted_in_the_copy(load_run: Load, run_file: Path) -> None:
    folder = begun(load_run("optimizer.lr=1e-3", "seed=7"))
    text = (folder.path / "run.yaml").read_text()
    assert text.startswith(run_file.read_text())
    assert "# seed: 7  (from command line)" in text
    assert "# optimizer.lr: 0.001  (from command line)" in text


def test_a_json_run_file_is_copied_with_its_ending(load_run: Load, run_file: Path) -> None:
    file = run_file.with_suffix(".json")
    file.write_text(json.dumps(load_run().tree()))
    folder = begun(load(file, ["seed=7"], environ={}))
    assert (folder.path / "run.json").read_text() == file.read_text()


def test_the_resolved_file_loads_to_an_equal_run(load_run: Load) -> None:
    run = load_run("optimizer.lr=1e-3", 'name="no: 3e-4 # \\"x\\""')
    again = load(begun(run).resolved, environ={})
    assert again == run
    assert again.digest() == run.digest()


def test_the_index_keeps_what_the_run_file_says(load_run: Load) -> None:
    folder = begun(load_run())
    assert folder.index(0).retention == Retention(monitor="train/loss", save_top_k=2)


def test_the_manifest_says_what_ran_where(load_run: Load) -> None:
    told = json.loads(begun(load_run()).environment.read_text())
    assert told["run"]["seed"] == 42 and told["run"]["digest"] == load_run().digest()
    assert told["data"] == {"train": "4f"}
    assert told["packages"]["numpy"] and told["machine"]["cores"] and told["python"].startswith("3.")


def test_no_secret_of_the_environment_reaches_the_folder(
    load_run: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "HOME_GROWN"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    folder = begun(load_run())
    written = [path.read_text() for path in folder.path.rglob("*") if path.is_file()]
    assert not any("hunter2" in text for text in written)
    assert json.loads(folder.environment.read_text())["variables"]["OMP_NUM_THREADS"] == "3"


def test_going_on_notes_what_changed_and_touches_nothing_else(load_run: Load, run_file: Path) -> None:
    run = load_run()
    folder = begun(run)
    before = {name: (folder.path / name).read_bytes() for name in ("run.yaml", "resolved.yaml")}
    begin(folder, run, {"train": "5a"})
    begin(folder, run, {"train": "4f"})
    told = json.loads(folder.environment.read_text())
    assert told["data"] == {"train": "4f"}
    assert [note["changed"] for note in told["resumed"]] == [{"data.train": ["4f", "5a"]}, {}]
    assert before == {name: (folder.path / name).read_bytes() for name in before}


def test_the_commit_of_the_users_code_is_recorded(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    assert manifest.git_state(tmp_path) == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "code.py").write_text("x = 1\n")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e@x.org", "commit", "-m", "one")
    state = manifest.git_state(tmp_path)
    assert len(state["commit"]) == 40 and state["dirty"] is False
    (tmp_path / "code.py").write_text("x = 2\n")
    assert manifest.git_state(tmp_path) == {"commit": state["commit"], "dirty": True}


def test_a_machine_without_git_or_a_driver_has_a_manifest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = manifest.environment(tmp_path, {})
    assert told["git"] == {"commit": None, "dirty": None} and told["machine"]["gpus"] == []
