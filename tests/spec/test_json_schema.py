"""The JSON Schema accepts what loads and refuses what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from leyden.spec import json_schema
from leyden.spec.yaml import read_yaml
from tests.spec.conftest import FILES, PLAIN

ROOT = Path(__file__).resolve().parents[2]
GOOD = [*sorted(ROOT.glob("recipes/*/run.yaml")), *sorted(FILES.glob("*.yaml"))]


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(json_schema())


def test_schema_is_a_schema_and_plain_json(validator):
    jsonschema.Draft202012Validator.check_schema(validator.schema)
    assert json.loads(json.dumps(validator.schema)) == validator.schema


@pytest.mark.parametrize("path", GOOD, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_good_files_are_accepted(validator, path: Path):
    validator.validate(read_yaml(path.read_text(), path.name).tree)


def test_resolved_trees_are_accepted(validator, loaded):
    validator.validate(loaded().tree())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{type: mlp, hidden: [8]}", '{"@type": mlp, hidden: [8]}'),
        ("{type: mlp, hidden: [8]}", "mlp"),
        ("{type: mlp, hidden: [8]}", "my_package.models:Net"),
        ("32", "${seed}"),
        ("loss: cross_entropy", "loss: {a: mse, b: {type: l1, weight: {type: linear}}}"),
        ("[accuracy]", "{mine: accuracy}"),
        ("name: plain", "name: plain\ntrackers: []"),
    ],
)
def test_other_spellings_are_accepted(validator, old: str, new: str):
    assert old in PLAIN
    validator.validate(read_yaml(PLAIN.replace(old, new), "f").tree)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_epochs", "max_epcohs"),
        ("type: mlp", "type: mpl"),
        ("hidden: [8]", "hiden: [8]"),
        ("hidden: [8]", "hidden: [0]"),
        ("hidden: [8]", "hidden: 8"),
        ("lr: 1e-3", "lr: fast"),
        ("lr: 1e-3", "lr: 1e-3, momentun: 3"),
        ("32", "'32'"),
        ("32", "true"),
        ("task: classification", "task: clasification"),
        ("task: classification\n", ""),
        ("model: {type: mlp, hidden: [8]}\n", ""),
        ("{type: mlp, hidden: [8]}", '{type: mlp, "@type": mlp}'),
        ("{type: mlp, hidden: [8]}", "{hidden: [8]}"),
        ("[accuracy]", "accuracy"),
        ("[accuracy]", "[acuracy]"),
        ("loss: cross_entropy", "loss: {type: cross_entropy, label_smoothing: 2}"),
        ("loss: cross_entropy", "loss: {type: cross_entropy, extra: mse}"),
        ("mode: max", "mode: most"),
        ("mode: max", "every: 3"),
        ("name: plain", "nam: plain"),
    ],
)
def test_broken_files_are_refused(validator, old: str, new: str):
    assert old in PLAIN
    assert not validator.is_valid(read_yaml(PLAIN.replace(old, new), "f").tree)


def test_files_that_extend_may_leave_things_out_but_not_invent_sections(validator):
    validator.validate({"extends": "base.yaml", "data": {"batch_size": 8}})
    assert not validator.is_valid({"extends": "base.yaml", "dta": {"batch_size": 8}})


def test_keys_and_parts_are_described(validator):
    schema = validator.schema
    assert schema["else"]["properties"]["seed"]["description"]
    assert schema["else"]["properties"]["seed"]["default"] == 42
    focal = schema["$defs"]["loss.focal"]["properties"]
    assert focal["gamma"]["description"]
    assert focal["gamma"]["default"] == 2.0
