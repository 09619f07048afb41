"""MLflow and W&B trackers.

Neither package is installed where the tests run, so each is stood in for by a stub with the few calls the
tracker makes, spelt as in the packages' documentation. What the stubs cannot show: that a real server accepts
what it is sent.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from leyden.trackers.mlflow import MLflow
from leyden.trackers.tracker import Tracker
from leyden.trackers.wandb import WandB

RESOLVED = {"name": "digits", "seed": 42}


class Server:
    """What a stub was told: runs by id with their points, and whether it is up."""

    def __init__(self) -> None:
        self.runs: dict[str, list[tuple[int, dict[str, float]]]] = {}
        self.ended: list[str] = []
        self.asked: dict[str, Any] = {}
        self.calls = 0
        self.is_up = True

    def take(self) -> None:
        self.calls += 1
        if not self.is_up:
            raise ConnectionError("no route to host\nand a long explanation")


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()

    class MlflowClient:
        def __init__(self, tracking_uri: str | None = None) -> None:
            server.asked["tracking_uri"] = tracking_uri

        def get_experiment_by_name(self, name: str) -> Any:
            server.take()
            return SimpleNamespace(experiment_id="old") if name == "old" else None

        def create_experiment(self, name: str) -> str:
            server.asked["experiment"] = name
            return "new"

        def create_run(self, experiment_id: str, run_name: str) -> Any:
            server.asked["run"] = (experiment_id, run_name)
            server.runs["r1"] = []
            return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

        def update_run(self, run_id: str, status: str) -> None:
            server.take()
            assert run_id in server.runs and status == "RUNNING"

        def log_dict(self, run_id: str, dictionary: dict[str, Any], artifact_file: str) -> None:
            server.asked["config"] = dictionary

        def log_batch(self, run_id: str, metrics: list[Any]) -> None:
            server.take()
            (step,) = {metric.step for metric in metrics}
            server.runs[run_id].append((step, {metric.key: metric.value for metric in metrics}))

        def set_terminated(self, run_id: str) -> None:
            server.take()
            server.ended.append(run_id)

    package, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    package.MlflowClient = MlflowClient  # type: ignore[attr-defined]
    entities.Metric = lambda key, value, timestamp, step: SimpleNamespace(  # type: ignore[attr-defined]
        key=key, value=value, step=step
    )
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    return server


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()

    def init(**settings: Any) -> Any:
        server.take()
        server.asked = settings
        name = settings["id"] or "r1"
        assert settings["resume"] == "allow"
        points = server.runs.setdefault(name, [])

        def log(values: dict[str, float], step: int) -> None:
            server.take()
            points.append((step, values))

        return SimpleNamespace(id=name, log=log, finish=lambda: server.ended.append(name))

    package = ModuleType("wandb")
    package.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", package)
    return server


@pytest.fixture(params=["mlflow", "wandb"])
def pair(request: pytest.FixtureRequest) -> tuple[type[Tracker], Server]:
    return {"mlflow": MLflow, "wandb": WandB}[request.param], request.getfixturevalue(request.param)


def test_numbers_and_settings_arrive(pair: tuple[type[Tracker], Server], tmp_path: Path) -> None:
    make, server = pair
    tracker = make()
    tracker.open(tmp_path / "logs", RESOLVED, {})
    tracker.log(1, {"a": 1.0, "b": 2.0})
    tracker.log(5, {"a": 3.0})
    tracker.close()
    assert server.runs == {"r1": [(1, {"a": 1.0, "b": 2.0}), (5, {"a": 3.0})]}
    assert server.asked["config"] == RESOLVED
    assert server.ended == ["r1"]


def test_a_resumed_run_goes_on_in_the_same_run(pair: tuple[type[Tracker], Server], tmp_path: Path) -> None:
    make, server = pair
    tracker = make()
    tracker.open(tmp_path, RESOLVED, {})
    tracker.log(1, {"a": 1.0})
    state = tracker.state()
    tracker.close()
    tracker = make()
    tracker.open(tmp_path, RESOLVED, state)
    tracker.log(2, {"a": 2.0})
    tracker.close()
    assert server.runs == {"r1": [(1, {"a": 1.0}), (2, {"a": 2.0})]}


@pytest.mark.parametrize("down_from", ["open", "log", "close"])
def test_a_server_that_goes_away_is_warned_about_once(
    pair: tuple[type[Tracker], Server], tmp_path: Path, down_from: str
) -> None:
    make, server = pair
    tracker = make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server.is_up = down_from != "open"
        tracker.open(tmp_path, RESOLVED, {})
        server.is_up = server.is_up and down_from != "log"
        for step in range(3):
            tracker.log(step, {"a": 1.0})
        before = server.calls
        server.is_up = server.is_up and down_from != "close"
        state = tracker.state()
        tracker.close()
    if make is WandB and down_from == "close":  # finishing a W&B run waits for nothing here
        assert not caught
        return
    (warning,) = caught
    assert "could not" in str(warning.message) and "(ConnectionError: no route to host)" in str(
        warning.message
    )
    assert "metrics.csv has every number" in str(warning.message)
    assert state == {"id": "" if down_from == "open" else "r1"}
    assert server.calls - before == (down_from == "close")  # no more calls after the first that failed


def test_an_id_survives_a_process_whose_server_was_away(
    pair: tuple[type[Tracker], Server], tmp_path: Path
) -> None:
    make, server = pair
    server.is_up = False
    tracker = make()
    with pytest.warns(UserWarning, match="could not begin its run"):
        tracker.open(tmp_path, RESOLVED, {"id": "r7"})
    assert tracker.state() == {"id": "r7"}


def test_mlflow_names_server_and_experiment(mlflow: Server, tmp_path: Path) -> None:
    tracker = MLflow(tracking_uri="http://localhost:5000", experiment="old")
    tracker.open(tmp_path, RESOLVED, {})
    assert mlflow.asked["tracking_uri"] == "http://localhost:5000"
    assert mlflow.asked["run"] == ("old", "digits")
    MLflow().open(tmp_path, RESOLVED, {})
    assert (mlflow.asked["experiment"], mlflow.asked["run"]) == ("digits", ("new", "digits"))


def test_wandb_passes_its_settings_on(wandb: Server, tmp_path: Path) -> None:
    WandB(project="p", entity="e", mode="offline", tags=["t"]).open(tmp_path, RESOLVED, {})
    asked = {key: wandb.asked[key] for key in ("project", "entity", "mode", "tags", "name", "dir")}
    assert asked == {
        "project": "p",
        "entity": "e",
        "mode": "offline",
        "tags": ["t"],
        "name": "digits",
        "dir": str(tmp_path),
    }


@pytest.mark.parametrize("make", [MLflow, WandB])
def test_closing_what_was_never_opened_does_nothing(make: type[Tracker]) -> None:
    make().close()
