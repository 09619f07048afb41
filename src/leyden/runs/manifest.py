"""``environment.json``: where a run ran, on what, with which code and data.

Nothing of the process environment is recorded but the few variables named here, and no command line: either
may hold secrets.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "SLURM_JOB_ID",
    "WORLD_SIZE",
)


def environment(code: Path, data: Mapping[str, str]) -> dict[str, Any]:
    """The manifest, in plain containers.

    Args:
        code: A folder of the user's code, whose git commit is recorded.
        data: Fingerprint of each dataset by its role, e.g. ``train``.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "leyden": version("leyden"),
        "git": git_state(code),
        "python": platform.python_version(),
        "machine": machine(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "data": dict(data),
        "packages": packages(),
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs between two manifests but the time, by dotted key: ``[before, now]``."""
    old, new = _flat(before), _flat(now)
    keys = sorted((old.keys() | new.keys()) - {"time"})
    return {key: [old.get(key), new.get(key)] for key in keys if old.get(key) != new.get(key)}


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and whether files differ from it; both None outside of a repository or without git."""
    commit = _output("git", "-C", str(folder), "rev-parse", "HEAD")
    status = _output("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or None, "dirty": None if not commit else bool(status)}


def machine() -> dict[str, Any]:
    """Host, operating system, processor, memory and graphics cards."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
    }


def packages() -> dict[str, str]:
    """Version of every installed distribution."""
    found = {dist.name: dist.version for dist in distributions() if dist.name}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _cpu_name() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _gpus() -> list[str]:
    """Names and driver of the graphics cards, asked of the driver's own tool: torch need not be imported."""
    return _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()


def _output(*command: str) -> str:
    """What a program prints; empty if it is not there, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
