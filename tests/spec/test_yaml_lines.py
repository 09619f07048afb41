"""Whatever a tree holds, its lines load to an equal tree, and each value's line knows its path."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from ruamel.yaml import YAML

from leyden.spec.yaml_lines import yaml_lines

LEAVES = (
    some.none()
    | some.booleans()
    | some.integers(-(10**9), 10**9)
    | some.floats(allow_nan=False)
    | some.text(some.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
    | some.sampled_from(
        ["no", "1e-3", "500 steps", "5 %", "a: b", "x #y", "- z", "0x1", "1_000", "~", "12:30", ".5"]
    )
)
KEYS = some.from_regex(r"[a-z@][a-z_0-9/]{0,8}", fullmatch=True)
TREES = some.recursive(
    LEAVES, lambda t: some.lists(t, max_size=4) | some.dictionaries(KEYS, t, max_size=4), max_leaves=20
)


def loaded(tree: dict[str, Any]) -> Any:
    text = "".join(f"{line}\n" for line, _ in yaml_lines(tree))
    return YAML(typ="safe", pure=True).load(io.StringIO(text or "{}"))


@given(some.dictionaries(KEYS, TREES, max_size=5))
def test_lines_load_to_an_equal_tree(tree: dict[str, Any]) -> None:
    assert loaded(tree) == tree


@pytest.mark.parametrize(
    "text", ["no", "null", "3e-4", "~", "5 %", "500 steps", "", " a", "a ", "${x}", "[1]", "x: y"]
)
def test_text_stays_text(text: str) -> None:
    assert loaded({"a": text, "b": [text]}) == {"a": text, "b": [text]}


def test_each_value_has_its_path() -> None:
    tree = {
        "model": {"type": "cnn", "channels": [16, 32]},
        "callbacks": [{"type": "ema", "decay": 0.9}],
        "trackers": [],
    }
    assert list(yaml_lines(tree)) == [
        ("model:", ""),
        ("  type: cnn", "model.type"),
        ("  channels: [16, 32]", "model.channels"),
        ("callbacks:", ""),
        ("  - type: ema", "callbacks.0.type"),
        ("    decay: 0.9", "callbacks.0.decay"),
        ("trackers: []", "trackers"),
    ]
