"""Memory that runs out in `leyden test` and `leyden predict`: the same numbers, and people are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from leyden.backends.torch.inference import evaluate, predict
from leyden.backends.torch.shortage import ShortageError, ShortageWarning
from tests.backends.torch.test_shortage import Hungry
from tests.backends.torch.toy import toy_parts, train

DATA = {"eval_batch_size": 8}  # of 31 samples


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(toy_parts(model=Hungry, trainer={"max_epochs": 1}), folder)
    return folder / "checkpoints" / "repeat_0" / "last.ckpt"


def measured(limit: int, checkpoint: Path, report: Path) -> dict[str, float]:
    return evaluate(toy_parts(model=partial(Hungry, limit), data=DATA), checkpoint, "test", report)


def predicted(limit: int, checkpoint: Path, report: Path) -> dict[str, np.ndarray]:
    parts = toy_parts(model=partial(Hungry, limit), data=DATA)
    assert parts.test is not None
    pieces = list(predict(parts, checkpoint, parts.test, report))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


@pytest.mark.parametrize(
    ("work", "of"), [(measured, "the evaluation on test data"), (predicted, "a prediction")]
)
def test_a_shortage_is_told_once_and_changes_no_number(
    work: Callable[[int, Path, Path], dict[str, object]], of: str, checkpoint: Path, tmp_path: Path
) -> None:
    page = tmp_path / "oom_report.txt"
    whole = work(1000, checkpoint, page)
    with pytest.warns(ShortageWarning) as told:
        halved = work(4, checkpoint, page)
    (message,) = [str(one.message) for one in told]
    first, _, then = message.partition("; ")
    assert (
        first
        == f"memory ran out in the forward pass of {of} in module `hungry` (Block) with 8 samples at once"
    )
    assert then.startswith("the same samples go through 4 at a time now")
    assert "data.eval_batch_size: 4" in page.read_text()
    assert whole.keys() == halved.keys()
    for name, value in whole.items():
        a, b = np.asarray(value), np.asarray(halved[name])
        assert (a == b).all() or np.abs(a - b).max() < 1e-6, name  # names of classes, and numbers
    with pytest.raises(ShortageError, match=of):
        work(0, checkpoint, page)
