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
from tests.soen.kernel.stub import stub

ROOT = Path(__file__).parents[3]
ASK = """
from leyden.soen.kernel import abi, compiler
import leyden
print(leyden.__file__, abi.library().problem or "no problem", compiler.library())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a wheel is made of: a copy, as other tests run in this tree; its library compiles at once."""
    tree = tmp_path / "tree"
    for name in ("src", "scripts", "recipes"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "runs", "c"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    stub(tree / "src/leyden/soen/kernel/c")
    return tree


def built(tree: Path, **environment: str) -> Path:
    """A wheel of a tree."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    done = subprocess.run(words, cwd=tree, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


def variant_of(library: str) -> str:
    """A file name without the digest of the source."""
    return library.split("-", 2)[2]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_wheel_carries_every_variant_and_its_user_needs_no_compiler(tree: Path, tmp_path: Path) -> None:
    wheel = built(tree)
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    site, cache = tmp_path / "site", tmp_path / "cache"
    zipfile.ZipFile(wheel).extractall(site)
    carried = {variant_of(file.name) for file in (site / "leyden/soen/kernel/built").iterdir()}
    wanted = [v for v in compiler.VARIANTS if compiler.runs(v) or v.needs]
    assert carried == {variant_of(compiler.file_name(v)) for v in wanted}
    bare = {**os.environ, "PYTHONPATH": str(site), "CC": "no-such-compiler", "XDG_CACHE_HOME": str(cache)}
    said = subprocess.run([sys.executable, "-c", ASK], env=bare, capture_output=True, text=True)
    assert said.stdout.startswith(f"{site}/leyden/__init__.py no problem {site}/leyden/soen/kernel/built/"), (
        said
    )
    assert not cache.exists()


def test_without_a_compiler_the_wheel_is_a_pure_one(tree: Path) -> None:
    wheel = built(tree, CC="no-such-compiler")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]
