from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leyden.runs import lock as module
from leyden.runs.lock import FolderInUse, Lock

HOLD = """
import sys
from pathlib import Path
from leyden.runs.lock import Lock

with Lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(file: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def told(file: Path, **changes: Any) -> dict[str, Any]:
    """What a holder writes, changed."""
    with Lock(file):
        tree = json.loads(file.read_text())
    tree |= changes
    file.write_text(json.dumps(tree))
    return tree


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "run" / ".lock"
    process = holder(file)
    lock = Lock(file)
    assert lock.holder().startswith(f"process {process.pid} on {socket.gethostname()}, since 20")
    with pytest.raises(FolderInUse, match=f"one process at a time, but process {process.pid} on "):
        lock.acquire()
    process.communicate()
    assert lock.holder() == ""
    with lock:
        assert lock.holder()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    process = holder(file)
    process.kill()
    process.communicate()
    assert file.exists()
    with Lock(file) as lock:
        assert f"process {os.getpid()} " in lock.holder()
    assert not file.exists()


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with Lock(tmp_path / ".lock"), pytest.raises(FolderInUse):
        Lock(tmp_path / ".lock").acquire()


def test_a_lock_from_before_the_last_boot_is_stale(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    told(file, boot="another boot")
    assert Lock(file).holder() == ""


def test_a_later_process_with_the_same_number_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    told(file, started="1")
    assert Lock(file).holder() == ""


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"namespace": "another container's"}])
def test_a_holder_out_of_sight_holds_it_as_long_as_it_touches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    file = tmp_path / ".lock"
    told(file, pid=1, **changes)
    lock = Lock(file)
    assert lock.holder().startswith("process 1 on ")

    def touch(seconds: float) -> bool:
        os.utime(file)
        return False

    monkeypatch.setattr(lock._stop, "wait", touch)
    with pytest.raises(FolderInUse, match="process 1 on "):
        lock.acquire()


def test_a_holder_out_of_sight_that_shows_no_sign_for_a_minute_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".lock"
    told(file, host="elsewhere", pid=1)
    lock = Lock(file)
    ages = iter([0.0, 20.0, 59.9, 60.1, 60.1])
    monkeypatch.setattr(lock, "_age", lambda: next(ages))
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return seconds == module.TOUCH_SECONDS  # ends the thread that touches

    monkeypatch.setattr(lock._stop, "wait", wait)
    lock.acquire()
    assert waited.count(module.TOUCH_SECONDS / 10) == 3
    assert f"process {os.getpid()} " in lock.holder()
    lock.release()
    assert not file.exists()


def test_a_holder_touches_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOUCH_SECONDS", 0.001)
    file = tmp_path / ".lock"
    with Lock(file):
        for _ in range(2):  # the second time it is its second touch
            os.utime(file, (0, 0))
            while file.stat().st_mtime == 0:
                pass


def test_a_holder_that_was_taken_over_leaves_the_new_lock_alone(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    lock = Lock(file)
    lock.acquire()
    file.write_text(json.dumps({"token": "another's"}))
    lock.release()
    assert json.loads(file.read_text()) == {"token": "another's"}


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_lock_that_says_nothing_is_judged_by_its_age(tmp_path: Path, text: str) -> None:
    file = tmp_path / ".lock"
    file.write_text(text)
    assert Lock(file).holder()
    os.utime(file, (0, 0))
    assert Lock(file).holder() == ""


def test_looking_at_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    told(file, host="elsewhere")
    Lock(file).holder()
    assert os.listdir(tmp_path) == [".lock"]
