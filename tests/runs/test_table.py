from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.runs import atomic
from leyden.runs.folder import RunFolder
from leyden.runs.results import Row
from leyden.runs.table import runs_under
from leyden.spec import Run

Load = Callable[..., Run]


@pytest.fixture
def make(root: Path) -> Callable[..., RunFolder]:
    def make(name: str, time: str, repeats: int = 1, monitor: str | None = None) -> RunFolder:
        folder = RunFolder(root / "project_p" / "experiment_e" / f"group_{name}")
        summary = {
            "name": name,
            "seed": 1,
            "repeats": repeats,
            "digest": name,
            "checkpoint": {"monitor": monitor},
        }
        atomic.write_json(folder.environment, {"run": summary, "time": time})
        return folder

    return make


def test_runs_are_listed_newest_first_from_any_level(root: Path, make: Callable[..., RunFolder]) -> None:
    for name, time in (("b", "2026-02"), ("c", "2026-03"), ("a", "2026-01")):
        make(name, time)
    for level in (".", "project_p", "project_p/experiment_e"):
        assert [run.name for run in runs_under(root / level)] == ["c", "b", "a"]
    assert [run.name for run in runs_under(root / "project_p/experiment_e/group_b")] == ["b"]
    assert runs_under(root / "none") == []


def test_a_finished_run_tells_its_score_over_repeats(root: Path, make: Callable[..., RunFolder]) -> None:
    folder = make("a", "2026", repeats=2, monitor="val/accuracy")
    for repeat, value in enumerate((0.5, 0.75)):
        best = {"value": value, "step": 3, "path": "x"}
        folder.record(
            Row(
                repeat=repeat,
                seed=1,
                status="finished",
                steps=10,
                seconds=1.5,
                best=best,
                metrics={"val/loss": 1},
            )
        )
    (run,) = runs_under(root)
    assert (run.status, run.done, run.repeats, run.steps, run.seconds) == ("finished", 2, 2, 20, 3.0)
    assert (run.metric, str(run.value)) == ("val/accuracy", "0.625 ± 0.18")


def test_without_a_monitor_the_validation_loss_tells(root: Path, make: Callable[..., RunFolder]) -> None:
    metrics = {"train/loss": 0.1, "val/loss": 0.2, "val/f1": 0.9}
    make("a", "2026").record(Row(repeat=0, seed=1, status="stopped", metrics=metrics, reason="patience"))
    (run,) = runs_under(root)
    assert (run.metric, str(run.value), run.note) == ("val/loss", "0.2", "patience")


def test_an_interrupted_run_tells_how_far_its_checkpoints_are(
    root: Path, make: Callable[..., RunFolder]
) -> None:
    folder = make("a", "2026", repeats=2)
    folder.record(Row(repeat=0, seed=1, status="finished", steps=100))
    folder.index(1).save(b"x", step=40, metrics={})
    (run,) = runs_under(root)
    assert (run.status, run.steps, run.done) == ("interrupted", 140, 1)


def test_a_failed_and_a_running_run_say_so(root: Path, make: Callable[..., RunFolder]) -> None:
    folder = make("a", "2026")
    folder.record(Row(repeat=0, seed=1, status="failed", reason="ValueError: no"))
    (run,) = runs_under(root)
    assert (run.status, run.note) == ("failed", "ValueError: no")
    with folder.lock:
        assert runs_under(root)[0].status == "running"


@pytest.mark.parametrize("text", ["{", "{}", '{"run": {}}', '{"run": {"name": 1}, "time": ""}'])
def test_a_damaged_folder_hides_no_other(root: Path, make: Callable[..., RunFolder], text: str) -> None:
    make("good", "2026")
    make("bad", "2025").environment.write_text(text)
    assert [(run.path.name, run.status) for run in runs_under(root)] == [
        ("group_good", "interrupted"),
        ("group_bad", "damaged"),
    ]
