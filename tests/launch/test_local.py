"""The local launcher runs here and has no job to name."""

from __future__ import annotations

from pathlib import Path

from leyden.launch.local import Local
from leyden.runs.folder import RunFolder
from leyden.spec import build, load
from tests.cli.conftest import written


def test_local_is_what_a_run_file_gets_that_names_no_launcher(tmp_path: Path) -> None:
    assert isinstance(build(load(written(tmp_path).file).launch), Local)


def test_submitting_trains_here(tmp_path: Path) -> None:
    example = written(tmp_path)
    assert Local().submit(example.file) == ""
    assert RunFolder(example.folder).status == "finished"
