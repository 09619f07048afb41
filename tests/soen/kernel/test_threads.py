"""The kernel works on torch's threads where it can, and on its own where those are not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leyden.soen.kernel import compiler

#: every share writes down the thread that it had
WATCHED = """
#include <sys/syscall.h>
#include "threads.h"
static int note(void *ids, int64_t first, int64_t last, int share) {
    usleep(20000); /* so that nobody else has the time to take it, too */
    ((int *)ids)[share] = (int)syscall(SYS_gettid);
    return last - first != 2;
}
int watched(int *ids) { return spread(note, ids, 6, 3); }
"""

#: who had the shares of two calls, and of one in a forked process
ASK = """
import ctypes, json, os, shutil, sys
if sys.argv[2] == "torch":
    import torch
    torch.set_num_threads(3)
    (torch.rand(2000, 2000) + 1).sum()  # its threads are there

def threads(file):
    ids = (ctypes.c_int * 3)()
    assert ctypes.CDLL(file).watched(ids) == 0
    return [*ids]

def forked(file):
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, json.dumps([os.getpid(), threads(file)]).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(os.read(reading, 1000))

here, another = sys.argv[1], shutil.copy(sys.argv[1], sys.argv[1] + ".copy")
found = {"first": threads(here), "second": threads(here), "here": os.getpid()}
print(json.dumps(found | {"forked": [forked(here), forked(another)]}))  # that had it, and that loads it then
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


def asked(tmp_path: Path, word: str) -> dict[str, Any]:
    """What a fresh process says."""
    (tmp_path / "watched.c").write_text(WATCHED)
    line = ["cc", "-shared", "-fPIC", f"-I{compiler.SOURCE}", "watched.c", "-o", "watched.so", "-pthread"]
    subprocess.run(line, cwd=tmp_path, check=True)
    said = subprocess.run(
        [sys.executable, "-c", ASK, tmp_path / "watched.so", word],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_shares_go_to_torchs_threads_and_in_a_forked_process_to_its_own(tmp_path: Path) -> None:
    found = asked(tmp_path, "torch")
    assert len({*found["first"]}) == 3
    assert {*found["second"]} == {*found["first"]}  # they wait between two calls
    assert found["here"] in found["first"]
    for child, forked in found["forked"]:
        assert len({*forked}) == 3
        assert child in forked


def test_without_openmp_shares_go_to_threads_of_the_call(tmp_path: Path) -> None:
    found = asked(tmp_path, "nothing")
    assert found["here"] in found["first"]
    assert {*found["first"]} & {*found["second"]} == {found["here"]}
