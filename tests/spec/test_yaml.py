"""YAML 1.2 with places, and what broken files are told."""

from __future__ import annotations

import pytest

from leyden.spec import Place, RunFileError
from leyden.spec.yaml import read_json, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1e3", 1000.0),
        ("3", 3),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.", 1.0),
        (".5", 0.5),
        ("+1", 1),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-01-01", "2026-01-01"),
        ("'3'", "3"),
        ('"true"', "true"),
        (".inf", float("inf")),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
        ("010", 10),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object):
    found = read_yaml(f"key: {text}", "f.yaml").tree["key"]
    assert found == value
    assert type(found) is type(value)


def test_places_are_those_of_keys_and_values():
    document = read_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    assert document.place(("a",)) == Place("f.yaml", 1, 4)
    assert document.place(("a",), of_key=True) == Place("f.yaml", 1, 1)
    assert document.place(("b",)) == Place("f.yaml", 2, 1)  # a list is looked for at its key
    assert document.place(("b", 0)) == Place("f.yaml", 3, 5)
    assert document.place(("b", 1, "c")) == Place("f.yaml", 4, 9)
    assert document.place(("b", 1, "missing")) == Place("f.yaml", 4, 5)
    assert document.place(("missing",)) == Place("f.yaml", 1, 1)


def test_anchors_and_merge_keys_work():
    document = read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n", "f.yaml")
    assert document.tree["b"] == {"y": 3, "x": 1}
    assert document.tree["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\n\tb: 2\n", 2, "no tabs"),
        ("a:\n\t- 1\n", 2, "no tabs"),
        ("a:\n  @type: focal\n", 2, '"@type":'),
        ("a: 1\nb: {@type: focal}\n", 2, '"@type":'),
        ("a: 1\nmax_epochs 10\nb: 3\n", 2, "with a colon"),
        ("a: b: c\n", 1, "needs quotes"),
        ("a: 1\nb: 2\na: 3\n", 3, "in line 1 too"),
        ("a: {x: 1, x: 2}\n", 1, "in line 1 too"),
        ("a: [1, 2\nb: 3\n", 2, "no YAML"),
        ("a: 'x\n", 1, "no YAML"),
        ("a: *nothing\n", 1, "&nothing"),
        ("a: {b: ${c}}\n", 1, "needs quotes"),
        ("a: &a [*a]\n", 1, "never end"),
        ("a: 1\n---\nb: 2\n", 2, "one document"),
        ("a: !!python/object:os.system x\n", 1, "no tags"),
        ("a: !mine x\n", 1, "no tags"),
        ("a: !!int x\n", 1, "remove the tag"),
        ("? [1, 2]\n: 3\n", 1, "must be a word"),
        ("a: \x01\n", 1, "no YAML"),
        ("a: {<<: 3}\n", 1, "takes a mapping"),
        ("{" * 800, 1, "nested too deeply"),
    ],
)
def test_what_is_broken_has_a_place_and_a_repair(text: str, line: int, words: str):
    with pytest.raises(RunFileError) as caught:
        read_yaml(text, "f.yaml")
    [problem, *_] = caught.value.problems
    assert problem.place.file == "f.yaml"
    assert problem.place.line == line
    assert words in str(problem)


def test_aliases_of_aliases_do_not_explode():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(RunFileError, match="never end"):
        read_yaml("\n".join(lines), "f.yaml")


def test_json_keeps_places_tabs_and_escapes():
    document = read_json('{\n\t"a": "x\\ud83d\\ude00\\/",\n\t"b": [1, 2.5e3, null, {"c": true}]\n}', "f.json")
    assert document.tree == {"a": "x\U0001f600/", "b": [1, 2500.0, None, {"c": True}]}
    assert document.place(("b", 3, "c")) == Place("f.json", 3, 30)


@pytest.mark.parametrize(
    ("text", "line"), [('{\n"a": 1,\n}', 3), ("{'a': 1}", 1), ('{"a": 1,\n"a": 2}', 2), ("", 1)]
)
def test_broken_json_has_a_place(text: str, line: int):
    with pytest.raises(RunFileError) as caught:
        read_json(text, "f.json")
    assert caught.value.problems[0].place.line == line
