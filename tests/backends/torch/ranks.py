"""Several processes of one run on this machine, over gloo."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable
from random import SystemRandom


def free_port() -> int:
    """A free port that stays free: systems give ports from 32,768 on to connections that go out."""
    while True:
        port = SystemRandom().randrange(20_000, 32_768)
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def environment(rank: int, world: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    return {
        "TORCHELASTIC_RUN_ID": "test",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def on_ranks(world: int, work: Callable[[int], int]) -> list[int]:
    """Run ``work(rank)`` in ``world`` forked processes that find each other; gives their exit codes."""
    port = free_port()
    children = [_forked(rank, world, port, work) for rank in range(world)]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


def _forked(rank: int, world: int, port: int, work: Callable[[int], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.environ |= environment(rank, world, port)
        code = work(rank)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)
