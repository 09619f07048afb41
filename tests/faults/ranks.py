"""Several processes of one run, each in a session of its own, over gloo."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.faults.children import Child


def ranks(world: int, work: Callable[[int], int], log: Path) -> list[Child]:
    """Start ``work(rank)`` in ``world`` processes that find each other; each has a log of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def member(rank: int) -> int:
        os.environ |= {
            "TORCHELASTIC_RUN_ID": "test",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "GROUP_RANK": "0",
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(world),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        return work(rank)

    return [
        Child(lambda rank=rank: member(rank), log.with_name(f"{log.name}.{rank}")) for rank in range(world)
    ]
