"""A run that died anywhere and was started again is the run that never died."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.backends.torch.death import KILLED, Killer, differences, in_child, what_must_agree
from tests.backends.torch.toy import Decoded, newest, toy_parts, train

RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "four_steps_a_call": {"trainer": {"steps_per_call": 4}},
    "sparse_saves_and_validations": {
        "trainer": {"val_check_interval": "5 steps", "steps_per_call": 2},
        "checkpoint": {"every": "4 steps"},
    },
    "max_steps_inside_an_epoch": {"trainer": {"max_steps": 17}, "checkpoint": {"every": "2 steps"}},
    "micro_batches_and_average": {
        "data": {"micro_batch_size": 3},
        "ema": {"decay": 0.9},
        "checkpoint": {"every": "3 steps"},
    },
    "bf16": {
        "trainer": {"precision": "bf16-mixed", "gradient_clip_val": 0.5},
        "checkpoint": {"every": "3 steps"},
    },
    "workers": {"source": Decoded, "data": {"num_workers": 2}, "checkpoint": {"every": "3 steps"}},
}

DEATHS = [
    ("on_step_end", 1),
    ("on_step_end", 4),
    ("on_log", 7),
    ("on_validation_end", 7),
    ("on_epoch_end", 7),
    ("on_step_end", 8),
    ("on_step_end", 11),
    ("on_validation_end", 14),
    ("on_epoch_end", 14),
    ("on_step_end", 17),
]


@cache
def untouched(name: str, folder: Path) -> dict[str, Any]:
    """The same run, never killed."""
    assert train(toy_parts(callbacks=[], **RUNS[name]), folder).status == "finished"
    return what_must_agree(newest(folder), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("untouched")


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_ends_as_if_it_had_not_been(name: str, folder: Path, tmp_path: Path) -> None:
    reference = untouched(name, folder / name)
    for number, (hook, step) in enumerate(DEATHS):
        here = tmp_path / str(number)

        def doomed(hook: str = hook, step: int = step, here: Path = here) -> int:
            train(toy_parts(callbacks=[Killer(hook, step)], **RUNS[name]), here)
            return 0

        assert in_child(doomed) == KILLED, (hook, step)
        assert train(toy_parts(**RUNS[name]), here).status == "finished"
        assert differences(reference, without_killer(what_must_agree(newest(here), here))) == [], (hook, step)


def without_killer(tree: dict[str, Any]) -> dict[str, Any]:
    tree["leyden"]["session"]["callbacks"] = {}
    return tree
