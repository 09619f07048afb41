"""A library is made once a machine, all variants compute the same, and nothing breaks without one."""

from __future__ import annotations

import ctypes
import logging
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from leyden.soen.kernel import abi, compiler
from leyden.soen.kernel.cells import compiled
from leyden.soen.kernel.compiler import NoCompilerError, Variant
from tests.soen.kernel.circuits import drive, plan, stepped
from tests.soen.kernel.stub import stub


@pytest.fixture(autouse=True)
def known_source() -> Iterator[None]:
    """The name of a library is kept for a process; that of another source or other flags must not stay."""
    compiler.digest.cache_clear()
    yield
    compiler.digest.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and a source that compiles at once, as only what happens around it is looked at."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "SOURCE", stub(tmp_path / "c"))
    return tmp_path / "leyden"


@pytest.mark.parametrize("variant", compiler.VARIANTS, ids=lambda v: v.name)
def test_every_variant_computes_the_same(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiler.runs(variant):
        pytest.skip(f"this processor does not run {variant.name}")
    folder = compiler.writable(compiler.cache_folder())
    file = folder / compiler.file_name(variant)
    loaded = ctypes.CDLL(str(file if file.is_file() else compiler.compiled(variant, folder)))
    assert loaded.leyden_soen_abi() == abi.ABI
    monkeypatch.setattr(abi, "library", lambda: abi.Library(loaded))
    for name in ("RateArray", "Heaviside_state_dep"):
        d, p = drive(9, 20, 37), plan(name, 37)
        torch.testing.assert_close(compiled(d, p), stepped(d, p), atol=1e-12, rtol=0)


def test_the_library_is_made_once_and_the_log_says_so(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="leyden"):
        first = compiler.library()
        made = first.stat().st_mtime_ns
        assert compiler.library() == first
    assert first.parent == cache
    assert first.stat().st_mtime_ns == made
    assert [r.message for r in caplog.records if "once for this machine" in r.message] == [
        f"compiling the circuit kernel for {compiler.best().name}, once for this machine: {first}"
    ]
    assert [f.name for f in cache.iterdir()] == [first.name]


def test_two_at_once_leave_one_whole_library(cache: Path) -> None:
    cache.mkdir()
    threads = [threading.Thread(target=compiler.compiled, args=(Variant("generic"), cache)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (file,) = cache.iterdir()
    assert ctypes.CDLL(str(file)).leyden_soen_abi() == abi.ABI


def test_a_library_in_the_package_comes_before_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built"
    built.mkdir()
    file = built / compiler.file_name(compiler.best())
    file.touch()
    monkeypatch.setattr(compiler, "BUILT", built)
    assert compiler.library() == file


def test_another_source_has_another_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = compiler.file_name(Variant("generic"))
    monkeypatch.setattr(compiler, "SOURCE", stub(tmp_path / "c"))
    compiler.digest.cache_clear()
    assert compiler.file_name(Variant("generic")) != before


@pytest.mark.parametrize("command", ["no-such-compiler", "false"])
def test_no_compiler_is_told_once_and_is_no_error(
    cache: Path, command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", command)
    monkeypatch.setattr(compiler, "BUILT", cache / "none")
    abi.library.cache_clear()
    try:
        with caplog.at_level(logging.INFO, logger="leyden"):
            assert abi.library() is abi.library()
            assert command in abi.library().problem
    finally:
        abi.library.cache_clear()
    assert sum("torch operations, which is slower" in r.message for r in caplog.records) == 1


def test_a_failing_compiler_is_quoted(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "c" / "unit_together.c").write_text("this is not C\n")
    with pytest.raises(NoCompilerError, match=r"unit_together.* failed: .*error"):
        compiler.compiled(Variant("generic"), compiler.writable(cache))
    assert not [*cache.iterdir()]


def test_a_cache_that_cannot_be_written_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = compiler.writable(tmp_path / "file" / "leyden")
    assert folder.is_dir()
    assert folder == compiler.writable(tmp_path / "file" / "leyden")


def test_the_structures_have_the_size_that_c_gives_them(tmp_path: Path) -> None:
    program = tmp_path / "sizes.c"
    names = {
        "table": abi.Table,
        "segment": abi.Segment,
        "outer": abi.Outer,
        "wire": abi.Wire,
        "cells": abi.Cells,
    }
    names |= {"edges": abi.Edges, "edges_adjoint": abi.EdgesAdjoint}
    names |= {"field": abi.Field, "noise": abi.Noise, "layer": abi.Layer, "connection": abi.Connection}
    names |= {"together": abi.Together, "together_adjoint": abi.TogetherAdjoint}
    functions = "\n".join(f"int size_{n}(void) {{ return (int)sizeof({n}); }}" for n in names)
    program.write_text(f'#include "{compiler.SOURCE / "abi.h"}"\n{functions}\n')
    library = tmp_path / "sizes.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(program), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    for name, structure in names.items():
        assert getattr(loaded, f"size_{name}")() == ctypes.sizeof(structure)
