"""Turns the C source beside this file into a library: once a machine, at first use, where `cc` exists.

A wheel carries libraries in ``built/`` if there was a compiler where it was made (`scripts/wheel_hook.py`);
else they lie in the cache of the user, named after the source and the processor, so that a new version or
another machine never meets an old one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from logging import getLogger
from pathlib import Path

SOURCE = Path(__file__).parent / "c"
BUILT = Path(__file__).parent / "built"

#: no -ffast-math: in a library, it makes older compilers switch off subnormal numbers for the whole process;
#: no contraction: the rounding of torch decides on which side of a border in the rate table a flux is
FLAGS = (
    "-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-ffp-contract=off",
    "-fvisibility=hidden", "-fPIC",
)  # fmt: skip
LIBRARIES = ("-lm", "-pthread")

#: what is compiled side by side: each unit in each precision
UNITS = tuple((unit, bits) for unit in ("together", "cells") for bits in (32, 64))


class NoCompilerError(Exception):
    """There is no library and none can be made; the message says why."""


@dataclass(frozen=True)
class Variant:
    """One set of processors that a library is made for.

    Args:
        name: Part of file names.
        flags: What the compiler is told.
        needs: Flags of `/proc/cpuinfo` without which it does not run.
    """

    name: str
    flags: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()


#: fastest first; the last one runs everywhere
VARIANTS = (
    Variant(
        "x86-64-v4",
        ("-march=x86-64-v4", "-mprefer-vector-width=512", "-mtune=native"),
        frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ),
    Variant(
        "x86-64-v3",
        ("-march=x86-64-v3", "-mtune=native"),
        frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}),
    ),
    Variant("x86-64-v2", ("-march=x86-64-v2",), frozenset({"sse4_1", "sse4_2", "ssse3", "popcnt"})),
    Variant("generic"),
)


def library() -> Path:
    """The library for this processor, made if there is none yet.

    Raises:
        NoCompilerError: There is no compiler, or it failed; the message has what it said.
    """
    variant = best()
    for place in (BUILT, cache_folder()):
        if (found := place / file_name(variant)).is_file():
            return found
    return compiled(variant, writable(cache_folder()))


def compiled(variant: Variant, folder: Path) -> Path:
    """Compile one variant into a folder; two processes that do so at once leave one whole file.

    Raises:
        NoCompilerError: There is no compiler, or it failed.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise NoCompilerError(f"there is no C compiler `{os.environ.get('CC', 'cc')}`")
    target = folder / file_name(variant)
    getLogger("leyden").info(
        "compiling the circuit kernel for %s, once for this machine: %s", variant.name, target
    )
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor() as side_by_side:
        parts = [Path(scratch) / f"{unit}_{bits}.o" for unit, bits in UNITS]
        sources = [[f"-DBITS={bits}", "-c", str(SOURCE / f"unit_{unit}.c")] for unit, bits in UNITS]
        commands = [
            [compiler, *FLAGS, *variant.flags, *source, "-o", str(part)]
            for source, part in zip(sources, parts, strict=True)
        ]
        for _ in side_by_side.map(_run, commands):
            pass
        made = Path(scratch) / target.name
        _run([compiler, "-shared", *map(str, parts), "-o", str(made), *LIBRARIES])
        made.replace(target)
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NoCompilerError(f"`{' '.join(command)}` failed: {done.stderr.strip()[:2000]}")


def best() -> Variant:
    """The fastest variant that runs on this processor."""
    return next(v for v in VARIANTS if runs(v))


def runs(variant: Variant) -> bool:
    """Whether a variant runs on this processor."""
    if not variant.name.startswith("x86-64"):
        return True
    return platform.machine() in ("x86_64", "AMD64") and variant.needs <= processor_flags()


@cache
def processor_flags() -> frozenset[str]:
    """What this processor can do, in the words of Linux; nothing is known elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return frozenset(flags.split())


@cache
def digest() -> str:
    """Short digest of the source and of how it is compiled."""
    found = hashlib.sha256(" ".join(FLAGS + LIBRARIES).encode())
    for file in sorted(SOURCE.iterdir()):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def file_name(variant: Variant) -> str:
    """Name of a variant's library."""
    flags = hashlib.sha256(" ".join(variant.flags).encode()).hexdigest()[:4]
    return f"soen-{digest()}-{platform.machine()}-{variant.name}-{flags}.so"


def cache_folder() -> Path:
    """Where libraries are kept between processes: the user's own cache, which nobody else writes to."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "leyden"


def writable(folder: Path) -> Path:
    """The folder where it can be written to, else one for this process alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return _private()


@cache
def _private() -> Path:
    return Path(tempfile.mkdtemp(prefix="leyden-soen-"))
