"""Worker processes that make batches: how they are started, and that they end.

A worker outlasts what asks a run to leave, so in the end it is not asked: torch waits a few seconds for it to
finish what it is at, and then it is killed, in the middle of a sample or not.
"""

from __future__ import annotations

import atexit
import os
import signal
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Where batches are made. No setting changes a batch.

    Args:
        num: Worker processes; 0 makes batches in this process. Data in memory never goes through workers.
        prefetch: Windows or batches each worker makes ahead.
        persistent: Keep the workers of an evaluation for the next one. Training is one endless stream anyway.
        pin_memory: Hand over page-locked tensors; needs an accelerator.
        start_method: ``fork``, ``forkserver`` or ``spawn``; ``auto`` forks until CUDA is initialised.
    """

    num: int = 0
    prefetch: int = 2
    persistent: bool = True
    pin_memory: bool = False
    start_method: str = "auto"


def dataloader(batches: Any, keys: Any, workers: Workers) -> DataLoader[Any]:
    """The loader of ``batches[key]`` for each of ``keys``, made in worker processes."""
    import torch
    from torch.utils.data import DataLoader

    method = workers.start_method
    if method == "auto":
        method = "forkserver" if torch.cuda.is_initialized() else "fork"
    return DataLoader(
        batches,
        batch_size=None,
        sampler=keys,
        collate_fn=_unchanged,
        num_workers=workers.num,
        prefetch_factor=workers.prefetch,
        persistent_workers=workers.persistent,
        pin_memory=workers.pin_memory,
        multiprocessing_context=method,
        worker_init_fn=_outlast_signals,
        generator=torch.Generator().manual_seed(0),  # otherwise each pass would draw from the global one
    )


def from_workers(loader: DataLoader[Any]) -> Iterator[Any]:
    """What one pass of a `dataloader` gives."""
    batches: Any = iter(loader)
    for worker in batches._workers:
        worker.terminate = worker.kill  # torch asks those that it has waited for in vain
    _running(os.getpid()).add(batches)
    return batches


@cache
def _running(process: int) -> weakref.WeakSet[Any]:
    """Passes of this process whose workers may be alive; they are ended with it.

    Else multiprocessing would ask each worker at the end, and wait for it for ever.
    """
    running: weakref.WeakSet[Any] = weakref.WeakSet()

    def end() -> None:
        for batches in list(running):
            batches._shutdown_workers()

    atexit.register(end)
    Finalize(None, end, exitpriority=1)  # a process that multiprocessing itself has started knows no atexit
    return running


def _outlast_signals(worker: int) -> None:
    """What asks a run to leave may be sent to all of its processes; until it has left it needs its workers.

    Not ignored but handled, so that programs that a worker starts are not born deaf.
    """
    for name in ("SIGTERM", "SIGUSR1", "SIGINT"):
        if hasattr(signal, name):  # not every system has all
            signal.signal(getattr(signal, name), lambda number, frame: None)


def _unchanged(item: Any) -> Any:
    return item
