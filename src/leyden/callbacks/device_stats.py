"""Logs how much memory the device and the process use."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from leyden.callbacks.callback import Callback, Fit, callback

MIB = 2**20


@callback("device_stats")
class DeviceStats(Callback):
    """Logs memory in MiB where the training metrics are read, of the process and of its GPU.

    ``memory/process`` is the largest resident size so far. ``memory/allocated``, ``/reserved`` and ``/peak``
    are the GPU allocator's own counts, which cost no wait.

    Example:
        type: device_stats
    """

    def on_log(self, fit: Fit, values: Mapping[str, float], /) -> None:
        fit.log({**_process(), **_gpu()})


def _process() -> dict[str, float]:
    if sys.platform == "win32":  # has no getrusage
        return {}
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"memory/process": size / (MIB if sys.platform == "darwin" else 1024)}


def _gpu() -> dict[str, float]:
    import torch

    if not torch.cuda.is_initialized():
        return {}
    return {
        "memory/allocated": torch.cuda.memory_allocated() / MIB,
        "memory/reserved": torch.cuda.memory_reserved() / MIB,
        "memory/peak": torch.cuda.max_memory_allocated() / MIB,
    }
