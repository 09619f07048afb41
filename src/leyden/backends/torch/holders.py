"""Who holds memory: what the device says, and what belongs to a training by name. Only looks; takes none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

#: files that say what a container may use, and uses; version 2 of Linux' control groups, then version 1
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def device_memory(device: torch.device) -> dict[str, int]:
    """Bytes by what they are: ``free`` first, as far as the device tells."""
    return _gpu(device) if device.type == "cuda" else _host()


def held(model: nn.Module, optimizers: Iterable[Optimizer], average: Sequence[Tensor]) -> dict[str, int]:
    """Bytes that stay from step to step, by whose they are; gradients as if all were there."""
    parameters = list(model.parameters())
    return {
        "parameters": _bytes(parameters),
        "gradients": _bytes(p for p in parameters if p.requires_grad),
        "optimizer state": sum(map(state_bytes, optimizers)),
        "moving average": _bytes(average),
        "buffers": _bytes(model.buffers()),
    }


def state_bytes(optimizer: Optimizer) -> int:
    """Memory of an optimizer's state; where a part of the parameters has it, what all will take."""
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    begun = [p for p in parameters if optimizer.state.get(p)]
    values = [value for p in begun for value in optimizer.state[p].values()]
    so_far = _bytes(value for value in values if isinstance(value, Tensor))
    return so_far * _bytes(parameters) // max(1, _bytes(begun))


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _gpu(device: torch.device) -> dict[str, int]:
    free, total = torch.cuda.mem_get_info(device)
    return {
        "free": free,
        "total": total,
        "allocated": torch.cuda.memory_allocated(device),
        "reserved": torch.cuda.memory_reserved(device),
        "allocated at most": torch.cuda.max_memory_allocated(device),
    }


def _host() -> dict[str, int]:
    """Of this process and its machine, or what its container leaves of it; nothing but on Linux."""
    found: dict[str, int] = {}
    with suppress(OSError):
        machine, process = _lines("/proc/meminfo"), _lines("/proc/self/status")
        found["free"] = machine["MemAvailable"]
        found["total"] = machine["MemTotal"]
        found["resident"] = process["VmRSS"]
        found["resident at most"] = process["VmHWM"]
        found["address space"] = process["VmSize"]
    for limit, used in CGROUPS:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            most, now = int(Path(limit).read_text()), int(Path(used).read_text())
            if most < found.get("total", most + 1):
                found |= {"free": min(found.get("free", most), most - now), "total": most}
    return _address_space(found)


def _address_space(found: dict[str, int]) -> dict[str, int]:
    """With what `ulimit -v` leaves, where it sets a limit."""
    with suppress(ImportError):  # Windows
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY and "address space" in found:
            found["address space at most"] = limit
            found["free"] = min(found["free"], limit - found["address space"])
    return found


def _lines(file: str) -> dict[str, int]:
    """Bytes by name, from lines such as ``VmRSS:   1234 kB``."""
    words = [line.split() for line in Path(file).read_text().splitlines()]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in words if line[-1:] == ["kB"]}
