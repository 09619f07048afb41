"""`leyden new`: recipes are found, copied with schema and data, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leyden.cli import recipes
from leyden.cli.main import main

HOME = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes of our own, one of them with a `prepare.py`, and another current folder."""
    shelf = tmp_path / "recipes"
    for name in ("plain", "with_data"):
        (shelf / name / "runs").mkdir(parents=True)
        (shelf / name / "run.yaml").write_text(
            "# yaml-language-server: $schema=leyden.schema.json\n#\n# What it is.\n# More.\nname: x\n"
        )
    (shelf / "with_data" / "prepare.py").write_text("open('data.txt', 'w').write('1')\n")
    monkeypatch.setattr(
        recipes, "recipes", lambda: {"plain": shelf / "plain", "with_data": shelf / "with_data"}
    )
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return shelf


def test_recipes_of_the_checkout_are_found_with_what_they_are_about() -> None:
    found = recipes.recipes()
    assert found == {file.parent.name: file.parent for file in sorted(HOME.glob("*/run.yaml"))}
    assert {"digits", "table", "images", "sequences", "fashion_mnist"} <= found.keys()
    assert all(len(recipes.summary(folder)) > 20 for folder in found.values())


def test_without_a_name_they_are_listed(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split(maxsplit=1) == ["plain", "What it is."]


def test_a_recipe_is_copied_with_schema_and_data(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "with_data"]) == 0
    folder = Path("with_data")
    assert {file.name for file in folder.iterdir()} == {
        "run.yaml",
        "prepare.py",
        "leyden.schema.json",
        "data.txt",
    }
    assert json.loads((folder / "leyden.schema.json").read_text())["title"] == "Leyden run file"
    assert "cd with_data" in capsys.readouterr().out


def test_it_goes_where_one_wants(shelf: Path) -> None:
    assert main(["new", "plain", "deep/er"]) == 0
    assert Path("deep/er/run.yaml").is_file()


def test_nothing_is_overwritten(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain").mkdir()
    Path("plain/mine.txt").touch()
    assert main(["new", "plain"]) == 2
    assert "`leyden new plain FOLDER`" in capsys.readouterr().err
    assert [file.name for file in Path("plain").iterdir()] == ["mine.txt"]


def test_a_misspelt_recipe_gets_the_nearest(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "plian"]) == 2
    assert "Did you mean `plain`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('install the package x')", "install the package x"),
        ("import no_such_package", "No module named 'no_such_package'\nThe recipes need `pip install"),
    ],
    ids=["says why", "crashes"],
)
def test_data_that_cannot_be_had_leaves_the_recipe_and_says_what_to_do(
    script: str, said: str, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shelf / "with_data" / "prepare.py").write_text(script + "\n")
    assert main(["new", "with_data"]) == 2
    text = capsys.readouterr().err
    assert said in text and "`python with_data/prepare.py`" in text and "Traceback" not in text
    assert Path("with_data/run.yaml").is_file()
