"""What is typed wrongly is answered with what to type, on stderr, with code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from leyden.cli.main import main


def mistake(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    ("typed", "meant"), [("trian", "train"), ("chekc", "check"), ("exprot", "export"), ("predcit", "predict")]
)
def test_misspelt_command_gets_the_nearest(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"there is no command `{typed}`. Did you mean `{meant}`?" in mistake([typed], capsys)


def test_a_command_like_no_other_gets_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    said = mistake(["xyzzy"], capsys)
    assert "Did you mean" not in said
    assert "`leyden --help` lists them" in said


def test_a_file_in_the_place_of_a_command_is_recognised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.touch()
    assert f"`leyden train {file}`" in mistake([str(file)], capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "run.yaml", "--depe"], "there is no option `--depe`. Did you mean `--deep`?"),
        (["check", "run.yaml", "--dee"], "there is no option `--dee`. Did you mean `--deep`?"),
        (["schema", "--outptu=a"], "there is no option `--outptu`. Did you mean `--output`?"),
        (["schema", "a"], "one word too many: `a`"),
        (["export", "runs", "--format", "onx"], "Did you mean `onnx`?"),
        (["check"], "RUN"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_get_a_repair(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = mistake(words, capsys)
    assert said in text
    assert f"`leyden {words[0]} --help`" in text
