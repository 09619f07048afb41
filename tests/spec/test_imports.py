"""Loading and checking imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.spec.conftest import FILES

HEAVY = (
    "torch",
    "lightning",
    "pandas",
    "torchvision",
    "sklearn",
    "scipy",
    "matplotlib",
    "tensorboard",
    "jax",
)
ROOT = Path(__file__).resolve().parents[2]
RUN_FILES = [*sorted(ROOT.glob("recipes/*/run.yaml")), *sorted(FILES.glob("*.yaml"))]


def loaded_by(code: str) -> list[str]:
    """Heavy modules in a fresh process after ``code``."""
    code += f"\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_loading_run_files_imports_nothing_heavy():
    files = [str(path) for path in RUN_FILES]
    code = f"from leyden.spec import load\nfor file in {files!r}: load(file, environ={{}})"
    assert loaded_by(code) == []


def test_the_schema_and_so_every_part_imports_nothing_heavy():
    assert loaded_by("from leyden.spec import json_schema; json_schema()") == []


def test_telling_problems_imports_nothing_heavy(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("max_epcohs: 3\ntrainer: {gpus: 2}")
    code = (
        "from leyden.spec import load, RunFileError\n"
        f"try: load({str(tmp_path / 'bad.yaml')!r}, environ={{}})\nexcept RunFileError as error: str(error)\n"
    )
    assert loaded_by(code) == []


def test_only_what_a_run_names_is_imported(tmp_path: Path):
    (tmp_path / "run.yaml").write_text("data: {train: {type: toy}}\nmodel: mlp\n")
    code = (
        "import sys\nfrom leyden.spec import load, RunFileError\n"
        f"try: load({str(tmp_path / 'run.yaml')!r}, environ={{}})\nexcept RunFileError: pass\n"
        "assert 'leyden.data.sources.toy' in sys.modules\n"
        "assert not {'leyden.data.sources.images', 'leyden.models.cnn'} & set(sys.modules)\n"
    )
    loaded_by(code)
