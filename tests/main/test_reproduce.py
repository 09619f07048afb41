from __future__ import annotations

import json
from pathlib import Path

import pytest

from leyden.main.reproduce import reasons, reproduce
from leyden.main.train import Result
from leyden.runs.folder import RunFolder
from leyden.spec import Run, UserError
from tests.faults import runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("trained")
    runs.train(folder, "plain", "repeats=2", "trackers=[tensorboard]")
    return runs.home(folder)


def files(folder: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_the_same_run_gives_the_same_weights_and_its_folder_stays_as_it_is(
    trained: RunFolder, tmp_path: Path
) -> None:
    before = files(trained)
    found = reproduce(trained, tmp_path)
    assert found.same and found.reasons == () and [one.repeat for one in found.repeats] == [0, 1]
    assert files(trained) == before


@pytest.mark.parametrize("allowed", [True, False])
def test_leave_to_import_goes_on_to_the_training(
    trained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    given: list[bool] = []

    def train(run: Run, *, fresh: bool, allow_imports: bool) -> Result:
        given.append(allow_imports)
        return Result(folder=trained, rows=trained.rows())

    monkeypatch.setattr("leyden.main.reproduce.train", train)
    assert reproduce(trained, tmp_path, allow_imports=allowed).same and given == [allowed]


def test_other_weights_come_with_what_differs(trained: RunFolder, tmp_path: Path) -> None:
    rows, told = json.loads(trained.results.read_text()), json.loads(trained.environment.read_text())
    kept = trained.results.read_bytes(), trained.environment.read_bytes()
    rows["repeats"][1]["weights_sha256"] = "0" * 64
    told["packages"]["torch"], told["data"]["train"] = "1.0", "another"
    trained.results.write_text(json.dumps(rows))
    trained.environment.write_text(json.dumps(told))
    try:
        found = reproduce(trained, tmp_path)
    finally:
        trained.results.write_bytes(kept[0])
        trained.environment.write_bytes(kept[1])
    assert [one.same for one in found.repeats] == [True, False] and not found.same
    first, second = found.reasons
    assert first.startswith("the data (data.train: another then,")
    assert second.startswith("torch (packages.torch: 1.0 then,")


def test_where_nothing_differs_that_is_said() -> None:
    (only,) = reasons({"python": "3.11", "time": "then"}, {"python": "3.11", "time": "now"})
    assert only.startswith("nothing that is recorded differs")


def test_a_run_that_went_on_elsewhere_is_named() -> None:
    resumed = [{"time": "noon", "changed": {"machine.cpu": ["a", "b"], "machine.host": ["x", "y"]}}]
    (only,) = reasons({"resumed": resumed}, {})
    assert only.endswith("than it began with: the processor (machine.cpu: a then, b now)")


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a run folder"):
        reproduce(RunFolder(tmp_path), tmp_path)
