from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.runs.begin import begin
from leyden.runs.folder import RunFolder
from leyden.runs.place import place
from leyden.runs.results import Row
from leyden.spec import Run, load

Load = Callable[..., Run]


def begun(run: Run) -> RunFolder:
    folder = place(run)
    begin(folder, run, {"train": "fingerprint"})
    return folder


def finish(folder: RunFolder) -> None:
    for repeat in range(folder.summary["repeats"]):
        folder.record(Row(repeat=repeat, seed=repeat, status="finished"))


def test_a_new_run_goes_where_its_file_says(load_run: Load) -> None:
    run = load_run()
    assert place(run).path == Path("runs/project_default/experiment_digits") / f"group_{run.digest()}"
    named = load_run("folder.root=elsewhere", "folder.project=p", "folder.experiment=e", "folder.group=g")
    assert place(named).path == Path("elsewhere/project_p/experiment_e/group_g")
    assert not Path("runs").exists()


def test_an_interrupted_run_is_gone_on_with(load_run: Load) -> None:
    run = load_run()
    folder = begun(run)
    assert folder.status == "interrupted"
    assert place(run) == folder
    assert place(load_run("folder.root=runs")) == folder


def test_where_numbers_go_and_how_they_are_shown_makes_no_other_run(load_run: Load) -> None:
    folder = begun(load_run())
    assert place(load_run("trackers=[memory]", "trainer.enable_progress_bar=false")) == folder


def test_other_settings_make_another_run(load_run: Load) -> None:
    folder = begun(load_run())
    other = place(load_run("optimizer.lr=1e-3"))
    assert other.path.parent == folder.path.parent and other != folder


def test_a_finished_run_is_found_again_and_never_written(load_run: Load) -> None:
    run = load_run()
    folder = begun(run)
    finish(folder)
    assert folder.status == "finished"
    assert place(run) == folder


def test_a_fresh_run_goes_beside_what_is_there(load_run: Load) -> None:
    run = load_run()
    folder = begun(run)
    assert place(run, fresh=True).path.name == f"{folder.path.name}-2"
    finish(folder)
    second = place(run, fresh=True)
    assert second.path.name == f"{folder.path.name}-2"
    begin(second, run, {})
    assert place(run, fresh=True).path.name == f"{folder.path.name}-3"
    assert place(run) == second  # not finished, so the same command goes on there


def test_the_resolved_file_of_a_finished_run_trains_beside_it(load_run: Load) -> None:
    folder = begun(load_run())
    finish(folder)
    again = load(folder.resolved, environ={})
    second = place(again)
    assert second.path == folder.path.absolute().parent / f"{folder.path.name}-2"
    begin(second, again, {})
    assert place(again) == second
    finish(second)
    assert place(again).path.name == f"{folder.path.name}-3"
    assert place(load(second.resolved, environ={})).path.name == f"{folder.path.name}-3"


def test_the_resolved_file_of_an_unfinished_run_goes_on_there(load_run: Load) -> None:
    first = begun(load_run())
    finish(first)
    second = place(load_run(), fresh=True)
    begin(second, load_run(), {})
    third = place(load_run(), fresh=True)
    begin(third, load_run(), {})
    for folder in (second, third):
        assert place(load(folder.resolved, environ={})).path == folder.path.absolute()


def test_a_copied_run_folder_is_gone_on_with_where_it_is_now(load_run: Load, tmp_path: Path) -> None:
    folder = begun(load_run())
    copy = tmp_path / "archive" / folder.path.name
    shutil.copytree(folder.path, copy)
    again = load(copy / "resolved.yaml", environ={})
    assert place(again).path == copy
    finish(RunFolder(copy))
    assert place(again).path == copy.with_name(f"{copy.name}-2")


def test_the_resolved_file_with_an_override_is_another_run(load_run: Load) -> None:
    folder = begun(load_run())
    other = load(folder.resolved, ["optimizer.lr=1.0"], environ={})
    assert place(other).path == folder.path.absolute().parent / f"group_{other.digest()}"


@pytest.mark.parametrize("override", ["folder.root=other", "folder.project=other", "folder.experiment=other"])
def test_the_resolved_file_goes_where_it_is_told_to(load_run: Load, override: str) -> None:
    folder = begun(load_run())
    elsewhere = load(folder.resolved, [override], environ={})
    assert "other" in str(place(elsewhere).path)


def test_a_group_named_by_hand_never_mixes_settings(load_run: Load) -> None:
    first = begun(load_run("folder.group=mine"))
    second = place(load_run("folder.group=mine", "seed=1"))
    assert (first.path.name, second.path.name) == ("group_mine", "group_mine-2")
    begin(second, load_run("folder.group=mine", "seed=1"), {})
    assert place(load_run("folder.group=mine")) == first
    assert place(load_run("folder.group=mine", "seed=1")) == second


def test_a_running_run_is_the_place_and_its_lock_refuses(load_run: Load) -> None:
    run = load_run()
    folder = begun(run)
    with folder.lock:
        assert folder.status == "running"
        assert place(run) == folder
        with pytest.raises(ValueError, match="one process at a time"):
            place(run).lock.acquire()


def test_a_folder_where_the_first_process_died_while_beginning_is_new(load_run: Load) -> None:
    run = load_run()
    folder = begun(run)
    folder.environment.unlink()
    assert folder.status == "new"
    assert place(run) == folder
    begin(folder, run, {})
    assert folder.status == "interrupted"
