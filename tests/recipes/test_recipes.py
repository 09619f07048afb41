"""Every recipe is a run file that works: checked, trained for two steps, evaluated."""

from __future__ import annotations

import json
import re
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
    assert main(["test", str(path), *two_steps, "--checkpoint", "last"]) == 0
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
    capsys.readouterr()
    assert main(["test", str(path)]) == 0
    measured = re.search(r"test/accuracy\s+(\S+)", capsys.readouterr().out)
    assert measured is not None
    assert float(measured[1]) >= 0.97
    (curves,) = path.parent.glob("runs/project_*/experiment_*/group_*/curves.png")
    assert curves.stat().st_size > 10_000


def test_fashion_mnist_says_where_to_get_the_set(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    elsewhere = [f"data.{part}.path={tmp_path / 'nowhere'}" for part in ("train", "test")]
    assert main(["check", str(RECIPES / "fashion_mnist" / "run.yaml"), *elsewhere]) == 2
    printed = capsys.readouterr().err
    assert "dataset-fashion-mnist" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("name", ["table", "images"])
def test_recipe_without_its_data_is_told_so(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "run.yaml"
    path.write_text((RECIPES / name / "run.yaml").read_text())
    assert main(["check", str(path)]) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "run.yaml:" in printed.err
