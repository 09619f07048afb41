from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.runs import atomic
from leyden.spec.errors import DataError


def test_a_written_file_replaces_the_old_one_and_leaves_no_other(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.txt"
    atomic.write_text(file, "one\r\n")
    atomic.write_text(file, "two\r\n")
    assert file.read_bytes() == b"two\r\n"
    assert os.listdir(file.parent) == ["file.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    atomic.write_text(file, "old")
    with pytest.raises(RuntimeError, match="disk"), atomic.replacing(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk")
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


WRITER = """
import sys
from pathlib import Path
from leyden.runs import atomic

while True:
    for content in (b"a" * 1_000_000, b"b" * 2_000_000):
        atomic.write_bytes(Path(sys.argv[1]), content)
        print(flush=True)
"""


@pytest.mark.parametrize("writes", [1, 2, 5, 9])
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, writes: int) -> None:
    file = tmp_path / "file.bin"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(writes):
            writer.stdout.readline()
        writer.kill()
    assert file.read_bytes() in (b"a" * 1_000_000, b"b" * 2_000_000)


def test_json_keeps_what_json_cannot_say(tmp_path: Path) -> None:
    file = tmp_path / "tree.json"
    atomic.write_json(file, {"a": [math.nan, -math.inf, 0.1], 3: {"path": Path("x/y"), "none": None}})
    tree = atomic.read_json(file)
    assert [math.isnan(float(tree["a"][0])), float(tree["a"][1]), tree["a"][2]] == [True, -math.inf, 0.1]
    assert tree["3"] == {"path": "x/y", "none": None}


@pytest.mark.parametrize("text", ["{", "[]", "", "\x00\x01"])
def test_damaged_json_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tree.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"tree\.json must be"):
        atomic.read_json(file)
