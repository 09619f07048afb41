from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leyden.trackers.tensorboard import TensorBoard


def opened(folder: Path, state: dict[str, object] | None = None) -> TensorBoard:
    tracker = TensorBoard()
    tracker.open(folder, {}, state or {})
    return tracker


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_numbers_are_scalars_by_step(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    for step in range(3):
        tracker.log(step, {"train/loss": step / 4, "lr": 0.5})
    tracker.close()
    assert points(tmp_path, "train/loss") == [(0, 0.0), (1, 0.25), (2, 0.5)]
    assert points(tmp_path, "lr") == [(0, 0.5), (1, 0.5), (2, 0.5)]


def test_state_puts_everything_on_disk(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(7, {"a": 1.0})
    state = tracker.state()
    assert points(tmp_path, "a") == [(7, 1.0)]
    (size,) = state["files"].values()
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    tracker.close()


def test_a_resumed_run_doubles_no_point(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    first = tracker.state()
    tracker.log(2, {"a": -1.0})
    tracker.close()
    tracker = opened(tmp_path, first)
    tracker.log(2, {"a": 2.0})
    second = tracker.state()
    tracker.log(3, {"a": -1.0})
    tracker.close()
    tracker = opened(tmp_path, second)
    tracker.log(3, {"a": 3.0})
    tracker.close()
    assert points(tmp_path, "a") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_without_a_checkpoint_a_run_begins_anew(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": -1.0})
    tracker.close()
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    tracker.close()
    assert points(tmp_path, "a") == [(1, 1.0)]


def test_a_viewer_that_is_open_forgets_the_later_points(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.log(1, {"a": 1.0})
    state = tracker.state()
    tracker.log(2, {"a": -1.0})
    tracker.close()
    viewer = EventAccumulator(str(tmp_path))
    viewer.Reload()
    assert len(viewer.Scalars("a")) == 2
    tracker = opened(tmp_path, state)
    tracker.log(2, {"a": 2.0})
    tracker.close()
    viewer.Reload()
    assert [(event.step, event.value) for event in viewer.Scalars("a")] == [(1, 1.0), (2, 2.0)]


@pytest.mark.parametrize("code", ["", "TensorBoard().open(Path(sys.argv[1]), {}, {})"])
def test_neither_import_nor_writing_needs_torch_or_tensorflow(tmp_path: Path, code: str) -> None:
    text = (
        f"import sys; from pathlib import Path; from leyden.trackers.tensorboard import TensorBoard; {code}\n"
        "print(sorted({'torch', 'tensorflow', 'pandas'} & sys.modules.keys()), 'tensorboard' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", text, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == f"[] {bool(code)}"


def test_closing_what_was_never_opened_does_nothing() -> None:
    TensorBoard().close()
