from __future__ import annotations

from pathlib import Path

import pytest

from leyden.trackers.memory import MemoryTracker


def test_rows_are_kept_in_order(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    tracker.open(tmp_path, {"name": "run"}, {})
    tracker.log(1, {"a": 1.0})
    tracker.log(1, {"b": 2.0})
    assert tracker.rows == [(1, {"a": 1.0}), (1, {"b": 2.0})]
    assert (tracker.folder, tracker.resolved) == (tmp_path, {"name": "run"})


def test_going_on_drops_later_rows(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    tracker.open(tmp_path, {}, {})
    tracker.log(1, {"a": 1.0})
    state = tracker.state()
    tracker.log(2, {"a": 2.0})
    tracker.close()
    tracker.open(tmp_path, {}, state)
    assert tracker.rows == [(1, {"a": 1.0})]
    tracker.close()
    tracker.open(tmp_path, {}, {})
    assert tracker.rows == []


def test_logging_to_a_closed_tracker_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        MemoryTracker().log(1, {})
