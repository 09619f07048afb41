"""A wheel brings the compiled time loop along: whoever installs it needs no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from leyden.soen.kernel import compiler

ROOT = Path(__file__).parents[3]
ASK = """
from leyden.soen.kernel import abi, compiler
import leyden
print(leyden.__file__, abi.library().problem or "no problem", compiler.library())
"""


def built(folder: Path, **environment: str) -> Path:
    """A wheel of this tree."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_wheel_carries_every_variant_and_its_user_needs_no_compiler(tmp_path: Path) -> None:
    hasty = tmp_path / "cc"  # what is packed where is looked at, not how fast it is
    hasty.write_text('#!/bin/sh\nexec cc "$@" -O0\n')
    hasty.chmod(0o755)
    wheel = built(tmp_path / "dist", CC=str(hasty))
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    site, cache = tmp_path / "site", tmp_path / "cache"
    zipfile.ZipFile(wheel).extractall(site)
    carried = {file.name for file in (site / "leyden" / "soen" / "kernel" / "built").iterdir()}
    assert carried == {compiler.file_name(v) for v in compiler.VARIANTS if compiler.runs(v) or v.needs}
    bare = {**os.environ, "PYTHONPATH": str(site), "CC": "no-such-compiler", "XDG_CACHE_HOME": str(cache)}
    said = subprocess.run([sys.executable, "-c", ASK], env=bare, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(f"{site}/leyden/__init__.py no problem {site}/leyden/soen/kernel/built/")
    assert not cache.exists()


def test_without_a_compiler_the_wheel_is_a_pure_one(tmp_path: Path) -> None:
    wheel = built(tmp_path, CC="no-such-compiler")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]
