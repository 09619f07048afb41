"""What is in a checkpoint, which are kept, and what evaluation and prediction make of them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leyden.backends.torch.content import FORMAT, plain, weights_sha256
from leyden.backends.torch.fit import evaluate, predict
from leyden.backends.torch.inference import load
from leyden.backends.torch.shelf import DamagedCheckpointWarning
from leyden.runs.folder import RunFolder
from leyden.spec.errors import DataError, UserError
from tests.backends.torch.ranks import on_ranks
from tests.backends.torch.toy import Net, newest, toy_parts, train, weights


class Colour(StrEnum):
    RED = "red"


def files(folder: Path) -> set[str]:
    return {p.name for p in (folder / "checkpoints" / "repeat_0").glob("step=*.ckpt")}


def test_a_checkpoint_loads_where_leyden_is_not_installed(tmp_path: Path) -> None:
    train(toy_parts(ema={"decay": 0.9}), tmp_path)
    path = tmp_path / "checkpoints" / "repeat_0" / "step=21.ckpt"
    program = (
        "import sys, torch; sys.modules['leyden'] = None; sys.modules['lightning'] = None\n"
        f"print(torch.load({str(path)!r}, weights_only=True)['leyden']['session']['position'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "{'step': 21, 'pending': ''}", done.stderr


def test_plain_values_stay_and_others_are_refused_by_their_place() -> None:
    tree = {
        "a": [1, 2.5, None, True, "x"],
        "b": {"c": torch.ones(2)},
        3: (Colour.RED, np.float64(0.5), Path("p")),
    }
    made = plain(tree)
    assert made["a"] == [1, 2.5, None, True, "x"] and made[3] == ["red", 0.5, "p"]
    assert type(made[3][0]) is str and type(made[3][1]) is float
    with pytest.raises(
        ValueError, match=r"checkpoint.callbacks.Mine\[1\] must be made of .* builtins.object"
    ):
        plain({"callbacks": {"Mine": [1, object()]}})


def test_the_best_is_kept_with_the_last_wherever_it_was_measured(tmp_path: Path) -> None:
    checkpoint = {"monitor": "val/loss", "save_top_k": 1, "every": "1000 steps"}
    outcome = train(toy_parts(checkpoint=checkpoint, trainer={"val_check_interval": "5 steps"}), tmp_path)
    assert outcome.best is not None
    assert files(tmp_path) == {f"step={outcome.best.step}.ckpt", "step=21.ckpt"}
    assert outcome.best.value == evaluate(toy_parts(), outcome.best.path, "val")["val/loss"]


def test_everything_is_kept_if_wanted(tmp_path: Path) -> None:
    train(toy_parts(checkpoint={"save_top_k": -1, "every": "6 steps"}), tmp_path)
    assert files(tmp_path) == {f"step={n}.ckpt" for n in (6, 12, 18, 21)}


def test_saves_happen_where_a_multiple_was_crossed(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"checkpoint": {"save_top_k": -1, "every": "3 steps"}}
    train(toy_parts(**settings, trainer={"steps_per_call": 4}), tmp_path)
    assert files(tmp_path) == {f"step={n}.ckpt" for n in (4, 7, 12, 16, 20, 21)}


def test_a_damaged_newest_file_is_named_and_the_one_before_is_used(tmp_path: Path) -> None:
    train(toy_parts(checkpoint={"save_top_k": -1}), tmp_path / "a")
    digest = train(toy_parts(), tmp_path / "b").weights_sha256
    damaged = tmp_path / "a" / "checkpoints" / "repeat_0" / "step=21.ckpt"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.warns(DamagedCheckpointWarning, match=r"step=21.ckpt: .*going on from step 14"):
        outcome = train(toy_parts(checkpoint={"save_top_k": -1}), tmp_path / "a")
    assert outcome.weights_sha256 == digest


def test_evaluation_of_a_checkpoint_gives_what_the_run_measured(tmp_path: Path) -> None:
    outcome = train(toy_parts(), tmp_path)
    checkpoint = tmp_path / "checkpoints" / "repeat_0" / "step=21.ckpt"
    values = evaluate(toy_parts(), checkpoint, "val")
    assert values == {name: outcome.metrics[name] for name in ("val/loss", "val/accuracy")}
    assert set(evaluate(toy_parts(), checkpoint, "test")) == {"test/loss", "test/accuracy"}


def test_predictions_come_in_the_order_of_the_data(tmp_path: Path) -> None:
    train(toy_parts(), tmp_path)
    parts = toy_parts()
    assert parts.val is not None
    checkpoint = tmp_path / "checkpoints" / "repeat_0" / "step=21.ckpt"
    batches = list(predict(parts, checkpoint, parts.val))
    assert [len(next(iter(batch.values()))) for batch in batches] == [7, 7, 7, 7, 3]
    model = parts.make_model().eval()
    model.load_state_dict({name.removeprefix("model."): w for name, w in weights(tmp_path).items()})
    inputs = torch.from_numpy(parts.val.batch(np.arange(31), seed=0, epoch=0)["input"])
    expected = parts.task.predict(model(inputs).detach())
    for name, column in expected.items():
        found = np.concatenate([batch[name] for batch in batches])
        np.testing.assert_allclose(found, np.asarray(column), rtol=1e-6)


def test_a_finished_run_that_is_started_again_has_nothing_to_do(tmp_path: Path) -> None:
    first = train(toy_parts(), tmp_path)
    again = train(toy_parts(), tmp_path)
    assert again.weights_sha256 == first.weights_sha256 and again.metrics == first.metrics
    assert len(RunFolder(tmp_path).index(0).entries()) == 2
    assert newest(tmp_path)["leyden"]["session"]["position"] == {"step": 21, "pending": ""}


#: every key of a checkpoint's own part, for `FORMAT`: when this changes, so does that number
LAYOUT = {
    "": {"format", "session", "driver", "ranks", "trackers", "seconds", "run"},
    "session": {"position", "reason", "restores", "metrics", "recorded", "callbacks"},
    "session.position": {"step", "pending"},
    "driver": {"rates", "average", "memory"},
    "driver.memory": {"most", "size", "wait", "age", "proved"},
    "ranks.0": {"driver", "generators"},
    "ranks.0.driver": {"tally", "unread", "evaluation"},
    "ranks.0.driver.tally": {"flat", "shapes", "numbers"},
    "ranks.0.driver.evaluation": {"most", "size", "wait", "age", "proved"},
    "ranks.0.generators": {"torch", "numpy", "python"},
}


def test_the_keys_of_a_checkpoint_belong_to_its_format(tmp_path: Path) -> None:
    train(toy_parts(trainer={"max_epochs": 1}), tmp_path)
    tree = newest(tmp_path)["leyden"]
    assert tree["format"] == FORMAT == 2
    for place, keys in LAYOUT.items():
        node: Any = tree
        for key in place.split(".") if place else ():
            node = node[int(key)] if key.isdigit() else node[key]
        assert node.keys() - {"cuda"} == keys, place


@pytest.mark.parametrize("world", [1, 2])
def test_a_checkpoint_of_another_format_is_refused_with_what_to_do(world: int, tmp_path: Path) -> None:
    train(toy_parts(trainer={"max_epochs": 1}), tmp_path / "run")
    older = newest(tmp_path / "run")
    older["leyden"] |= {"format": 1, "driver": {"rates": {}, "average": {}}}
    index = RunFolder(tmp_path / "run").index(0)
    index.save(lambda file: torch.save(older, file), step=8, metrics={})  # type: ignore[arg-type]

    def go_on(rank: int) -> int:
        with pytest.raises(
            UserError, match=r"must have the format 2 .* but it has 1: .* begin anew \(--fresh"
        ):
            train(toy_parts(trainer={"devices": world}), tmp_path / "run")
        return 0

    assert on_ranks(world, go_on) == [0] * world
    checkpoint = index.path(index.entries()[-1])
    assert set(evaluate(toy_parts(), checkpoint, "test")) == {"test/loss", "test/accuracy"}


class OnAGraph(Net):
    """Holds sparse matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edges", torch.eye(8).to_sparse())
        self.register_buffer("rows", torch.eye(8).to_sparse_csr())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward((self.edges @ x.T).T)


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_tensors_are_saved(tmp_path: Path) -> None:
    outcome = train(toy_parts(model=OnAGraph), tmp_path)
    saved = newest(tmp_path)["state_dict"]
    assert torch.equal(saved["model.edges"].to_dense(), torch.eye(8))
    assert torch.equal(saved["model.rows"].to_dense(), torch.eye(8))
    assert outcome.weights_sha256 == weights_sha256(saved)
    saved["model.edges"] = 2 * saved["model.edges"]
    assert outcome.weights_sha256 != weights_sha256(saved)


@pytest.mark.filterwarnings("ignore")  # torch's, of what is in a damaged file
@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_is_refused_as_no_checkpoint(zipped: bool, tmp_path: Path) -> None:
    file = tmp_path / "x.ckpt"
    content = {"state_dict": {"a": torch.zeros(3)}, "leyden": {}}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for length in range(0, len(whole), 1 + len(whole) // 200):
        file.write_bytes(whole[:length])
        with pytest.raises(DataError, match="must be a checkpoint"):
            load(file)
    for place in range(0, len(whole), 1 + len(whole) // 200):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(DataError):  # a flipped bit may be in the padding
            load(file)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.ckpt")
