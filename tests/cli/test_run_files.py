"""`show`, `check`, `schema` and `parts`: what they say of run files and of what these can name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.cli.main import main
from leyden.spec import load
from leyden.spec.parts import ROOMS, kind_named

from .conftest import Example

LEYDEN = Path(sys.executable).with_name("leyden")


def out(words: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(word) for word in words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_what_show_prints_is_the_same_run(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["optimizer.lr=1e-3", "seed=7"]
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(out(["show", example.file, *words], capsys))
    assert load(resolved) == load(example.file, words)


def test_show_says_where_each_value_comes_from(
    example: Example, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEYDEN__DATA__BATCH_SIZE", "16")
    lines = out(["show", example.file, "seed=7", "model.hidden.0=9"], capsys).splitlines()
    remarks = {line.split("#")[0].strip(): line.partition("# ")[2] for line in lines}
    assert remarks["seed: 7"] == "command line"
    assert remarks["batch_size: 16"] == "LEYDEN__DATA__BATCH_SIZE"
    assert remarks["lr: 0.01"] == f"{example.file}:12"
    assert remarks["hidden: [9]"] == "command line"
    assert remarks["repeats: 1"] == "default"


def test_show_json_is_a_run_file_too(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = tmp_path / "resolved.json"
    resolved.write_text(out(["show", example.file, "--json"], capsys))
    assert load(resolved) == load(example.file)


def test_check_says_what_the_run_will_do(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    text = out(["check", example.file], capsys)
    assert text.startswith(f"{example.file}: nothing wrong\n")
    assert "3 steps an epoch" in text and "12 steps" in text
    assert f"leyden check {example.file} --deep" in text


def test_two_dashes_end_the_options(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--", str(example.file), "seed=7"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_check_deep_counts_parameters(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{8 * 16 + 16 + 16 * 3 + 3:,} parameters" in out(["check", example.file, "--deep"], capsys)


def test_check_in_a_process_of_its_own_imports_no_torch(example: Example) -> None:
    code = (
        f"import sys; from leyden.cli.main import main; code = main(['check', {str(example.file)!r}])\n"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert not {"torch", "lightning", "pandas", "matplotlib", "rich"} & set(done.stderr.split())


def test_all_problems_are_told_at_once_without_a_traceback(example: Example) -> None:
    words = ["model.hiden=[3]", "optimizer.lr=fast", "trainer.max_epoch=3"]
    done = subprocess.run([LEYDEN, "check", example.file, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"3 problems in {example.file}\n")
    for meant in ("`hidden`", "optimizer.lr", "`max_epochs`"):
        assert meant in done.stderr
    assert "Traceback" not in done.stderr


def test_check_json_has_the_problems_for_editors(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.file.write_text(example.file.read_text().replace("hidden", "hiden"))
    assert main(["check", str(example.file), "--json"]) == 2
    said = capsys.readouterr()
    [problem] = json.loads(said.out)["problems"]
    assert said.err == ""
    assert (problem["file"], problem["line"]) == (str(example.file), 8)
    assert (problem["key"], problem["nearest"]) == ("model.hiden", "hidden")


def test_check_json_has_facts_where_nothing_is_wrong(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(out(["check", example.file, "--json"], capsys))
    assert told["problems"] == [] and {"data", "steps"} <= told["facts"].keys()


def test_a_missing_run_file_gets_the_nearest_name(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(example.file.with_name("rum.yaml"))]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_schema_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "leyden.schema.json"
    assert f"$schema={file}" in out(["schema", "-o", file], capsys)
    assert json.loads(file.read_text()) == json.loads(out(["schema"], capsys))


def test_parts_lists_every_kind_with_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    text = out(["parts"], capsys)
    for kind in ROOMS:
        assert f"\n{kind} " in text
        assert ", ".join(kind_named(kind).names()) in text


@pytest.mark.parametrize("kind", ROOMS)
def test_every_part_of_every_kind_can_be_shown(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = out(["parts", kind], capsys)
    for name in kind_named(kind).names():
        assert f"\n{name} " in listed
        page = out(["parts", kind, name], capsys)
        assert page.startswith(f"{kind} {name}: ")
        assert "Example:" in page and "``" not in page


def test_a_part_is_shown_with_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    page = out(["parts", "loss", "focal"], capsys)
    [line] = [line for line in page.splitlines() if line.startswith("gamma ")]
    assert "2.0" in line and "a number >= 0" in line


@pytest.mark.parametrize(
    ("words", "meant"), [(["parts", "los"], "loss"), (["parts", "loss", "fical"], "focal")], ids=str
)
def test_misspelt_parts_get_the_nearest(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert f"Did you mean `{meant}`?" in capsys.readouterr().err
