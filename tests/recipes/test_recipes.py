"""Every recipe is a run file that works: checked, trained for two steps, evaluated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leyden.cli.main import main

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/run.yaml"))

Prepare = Callable[[str], Path]


@pytest.mark.parametrize("name", NAMES)
def test_recipe_passes_its_check(name: str, prepared: Prepare):
    assert main(["check", str(prepared(name))]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_recipe_trains_for_two_steps(name: str, prepared: Prepare):
    path = prepared(name)
    two_steps = ["trainer.max_steps=2", "repeats=1"]
    assert main(["train", str(path), *two_steps]) == 0
    assert main(["test", str(path), *two_steps]) == 0
    (results,) = path.parent.glob("runs/project_*/experiment_*/group_*/results.json")
    assert json.loads(results.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_recipe_teaches(name: str):
    first, second = (RECIPES / name / "run.yaml").read_text().splitlines()[:2]
    assert first == "# yaml-language-server: $schema=leyden.schema.json"
    assert second.startswith("#")
    readme = (RECIPES / name / "README.md").read_text()
    assert "What you see." in readme
    assert "What to change." in readme


@pytest.mark.parametrize("name", NAMES)
def test_recipe_validates_against_the_schema(name: str):
    from jsonschema import Draft202012Validator
    from ruamel.yaml import YAML

    from leyden.spec import json_schema

    tree = YAML(typ="safe").load((RECIPES / name / "run.yaml").read_text())
    problems = [error.message for error in Draft202012Validator(json_schema()).iter_errors(tree)]
    assert problems == []


def test_digits_are_read_with_97_percent_accuracy(prepared: Prepare, capsys: pytest.CaptureFixture[str]):
    path = prepared("digits")
    assert main(["train", str(path)]) == 0
    assert main(["test", str(path)]) == 0
    (results,) = path.parent.glob("runs/project_*/experiment_*/group_*/results.json")
    rows = json.loads(results.read_text())["repeats"]
    assert rows[0]["test/accuracy"] >= 0.97
    assert (results.parent / "curves.png").stat().st_size > 10_000


def test_fashion_mnist_says_where_to_get_the_set(prepared: Prepare, tmp_path: Path):
    path = prepared("fashion_mnist")
    done = subprocess.run(
        [sys.executable, "prepare.py", str(tmp_path / "elsewhere")],
        cwd=path.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "apt install dataset-fashion-mnist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["table", "images", "fashion_mnist"])
def test_recipe_without_its_data_is_told_so(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "run.yaml"
    path.write_text((RECIPES / name / "run.yaml").read_text())
    assert main(["check", str(path)]) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "run.yaml:" in printed.err
