"""Several processes of one run, over gloo: each in a session of its own, or started by Lightning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.backends.torch.ranks import environment, free_port
from tests.faults.children import Child
from tests.faults.runs import write


def ranks(world: int, work: Callable[[int], int], log: Path) -> list[Child]:
    """Start ``work(rank)`` in ``world`` processes that find each other; each has a log of its own."""
    port = free_port()

    def member(rank: int) -> int:
        os.environ |= environment(rank, world, port)
        return work(rank)

    return [
        Child(lambda rank=rank: member(rank), log.with_name(f"{log.name}.{rank}")) for rank in range(world)
    ]


#: the command ``leyden train``, with something done first, here or there; rank 0 starts the process of rank 1
COMMAND = """\
import os, sys, warnings
sys.path.insert(0, {home!r})
{both}
if os.environ.get("LOCAL_RANK") == "1":
{body}
warnings.simplefilter("always")
from leyden.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Command:
    """``leyden train`` on two devices, whose second process Lightning starts.

    Args:
        folder: Where to train `runs.RUN`.
        words: More of the command line.
        body: Python that the process of rank 1 runs before the command.
        both: Python that both run, still before it.
    """

    def __init__(self, folder: Path, *words: str, body: str = "pass", both: str = "") -> None:
        file, self.log = write(folder), folder.with_suffix(".log")
        script = folder / "both.py"
        home = str(Path(__file__).parents[2])
        script.write_text(COMMAND.format(home=home, body=textwrap.indent(body, "    "), both=both))
        line = [sys.executable, script, "train", file, f"folder.root={folder}", "trainer.devices=2", *words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)

    def wait(self, seconds: float = 120.0) -> int:
        """The exit code of rank 0; whatever is left of the others is ended."""
        try:
            return self.process.wait(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def said(self) -> str:
        """What all processes have printed, the end of it."""
        return self.log.read_text()[-20_000:]
