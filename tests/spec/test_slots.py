"""A signature becomes a schema: what a node may say, and what it is told where it is wrong."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leyden.spec.durations import Duration
from leyden.spec.slots import PartSpec, Slot
from tests.spec.gadgets import Gadget

SLOT = Slot("gadget")


def errors(node: Any) -> dict[tuple[Any, ...], Any]:
    """Location -> error, without the marks of union branches."""
    with pytest.raises(ValidationError) as caught:
        SLOT.parse(node)
    found = caught.value.errors(include_url=False)
    return {tuple(k for k in e["loc"] if not str(k).startswith("\0")): e for e in found}


def test_type_and_at_type_and_a_bare_name_are_one():
    specs = [SLOT.parse(node) for node in ("bolt", {"type": "bolt"}, {"@type": "bolt"})]
    assert specs[0] == specs[1] == specs[2]


def test_type_and_at_type_together_are_refused():
    assert "one and the same" in errors({"type": "bolt", "@type": "bolt"})["@type",]["msg"]


def test_nested_parts_are_parsed_in_lists_mappings_optionals_and_unions():
    spec = SLOT.parse(
        {
            "type": "everything",
            "parts": {"a": "bolt"},
            "maybe": {"type": "engine", "bolts": ["bolt"]},
            "speed": "bolt",
        }
    )
    settings = spec.settings()
    assert isinstance(settings["parts"]["a"], PartSpec)
    assert settings["maybe"].settings()["bolts"][0].type == "bolt"
    assert settings["speed"].type == "bolt"
    assert SLOT.parse({"type": "everything", "speed": 3}).settings()["speed"] == 3.0


def test_tree_validates_again_to_an_equal_spec():
    node = {
        "type": "everything",
        "shape": [3, 4],
        "path": "a/b",
        "length": "5 epochs",
        "devices": 3,
        "maybe": "bolt",
    }
    spec = SLOT.parse(node)
    assert SLOT.parse(spec.tree()) == spec
    assert spec.tree()["maybe"] == {"type": "bolt", "size": 1.0, "copy": 0}


def test_spec_survives_pickling():
    spec = SLOT.parse({"type": "engine", "bolts": [{"type": "bolt", "size": 3}]})
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_bounds_of_a_union_are_those_of_its_numbers():
    for value in (3, 0.5, None):
        SLOT.parse({"type": "everything", "bounded": value})
    for value in (-3, -0.5):
        assert errors({"type": "everything", "bounded": value})["bounded",]["type"] == "greater_than_equal"


def test_lists_stand_for_tuples_and_texts_for_paths_and_durations():
    node = {"type": "everything", "shape": [3, 4], "path": "a/b", "length": "30 min"}
    settings = SLOT.parse(node).settings()
    assert settings["shape"] == (3, 4)
    assert settings["path"] == Path("a/b")
    assert settings["length"] == Duration(30, "min")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("whole", True),
        ("whole", "3"),
        ("whole", 3.0),
        ("real", "3"),
        ("real", True),
        ("flag", 1),
        ("flag", "true"),
        ("word", 3),
        ("shape", "ab"),
        ("shape", [1]),
        ("shape", [1, 2, 3]),
        ("path", 3),
        ("real", float("nan")),
        ("real", float("inf")),
        ("length", 3),
        ("length", "3"),
        ("speed", "3"),
        ("speed", True),
        ("devices", "atuo"),
        ("devices", 1.5),
        ("parts", ["bolt"]),
        ("maybe", 3),
    ],
)
def test_nothing_is_coerced(key: str, value: Any):
    assert {loc[0] for loc in errors({"type": "everything", key: value})} == {key}


def test_integers_are_numbers():
    assert SLOT.parse({"type": "everything", "real": 3}).settings()["real"] == 3.0


def test_only_the_branch_of_a_union_that_was_meant_is_reported():
    found = errors({"type": "everything", "speed": {"type": "bolt", "size": -1}, "devices": "atuo"})
    assert set(found) == {("speed", "size"), ("devices",)}
    assert found["devices",]["ctx"]["expected"] == "'auto'"


def test_a_duration_in_a_union_is_told_from_a_word():
    assert SLOT.parse({"type": "everything", "devices": "3 steps"}).settings()["devices"] == Duration(
        3, "steps"
    )
    assert errors({"type": "everything", "devices": "3 stpes"})["devices",]["ctx"]["near"] == "3 steps"


def test_every_problem_of_nested_parts_is_found_at_once():
    found = errors(
        {
            "type": "engine",
            "fuell": "petrol",
            "bolts": [{"type": "blot"}, {"type": "bolt", "size": 0, "sise": 1}],
        }
    )
    assert set(found) == {("fuell",), ("bolts", 0, "type"), ("bolts", 1, "size"), ("bolts", 1, "sise")}
    assert found["fuell",]["ctx"]["near"] == "fuel"
    assert found["bolts", 0, "type"]["ctx"]["near"] == "bolt"
    assert found["bolts", 1, "sise"]["ctx"]["near"] == "size"


def test_a_misspelt_type_is_told_from_a_missing_one():
    assert errors({"tpye": "bolt"})["tpye",]["ctx"]["near"] == "type"
    assert errors({"size": 3})[()]["type"] == "missing_type"


@pytest.mark.parametrize("node", [None, 3, ["bolt"], True])
def test_what_is_no_node_is_told_what_a_node_is(node: Any):
    assert "a name, or a mapping with `type`" in errors(node)[()]["msg"]


def test_missing_packages_name_their_extra():
    error = errors({"type": "rare"})["type",]
    assert "a_package_that_nobody_has" in error["msg"]
    assert error["ctx"]["hint"] == 'pip install "leyden[rare]"'


def test_code_is_named_only_where_imports_are_allowed():
    assert errors("tests.spec.gadgets:Engine")[()]["type"] == "import"


def test_settings_named_like_methods_of_models_are_kept():
    spec = SLOT.parse({"type": "bolt", "copy": 7})
    assert spec.settings() == {"size": 1.0, "copy": 7}
    assert spec.tree() == {"type": "bolt", "size": 1.0, "copy": 7}


def test_specs_are_frozen():
    with pytest.raises(ValidationError):
        SLOT.parse("bolt").type = "engine"


def test_a_live_object_is_no_spec():
    with pytest.raises(ValidationError):
        SLOT.parse(Gadget())
