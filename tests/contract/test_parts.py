"""What every registered part promises, whoever wrote it."""

from __future__ import annotations

import inspect
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from leyden.spec.catalogue import PartDescription, describe
from leyden.spec.parts import ROOMS, Part, every_part, kind_named
from leyden.spec.signature import argument_docs
from leyden.spec.slots import Slot

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PARTS = [part for kind in ROOMS for part in every_part(kind_named(kind))]


def title(part: Part) -> str:
    return f"{part.kind}-{part.name}"


@pytest.fixture(params=PARTS, ids=title)
def part(request: pytest.FixtureRequest) -> Part:
    return request.param


@pytest.fixture
def description(part: Part) -> PartDescription:
    return describe(part)


def test_summary_is_one_sentence(description: PartDescription):
    assert description.summary.endswith(".")
    assert not description.summary[0].islower()


def test_every_setting_says_what_it_does(description: PartDescription):
    assert [setting.name for setting in description.settings if not setting.doc] == []


def test_every_documented_argument_exists(part: Part):
    known = inspect.signature(part.target).parameters
    assert [name for name in argument_docs(part.target) if name not in known] == []


def test_example_is_a_valid_node_of_the_part(part: Part, description: PartDescription):
    node: Any = YAML(typ="safe").load(description.example)
    assert node, "the docstring has no section `Example:`"
    if not description.installed:
        pytest.skip(f"needs {', '.join(description.requires)}")
    spec = Slot(part.kind).parse(node)
    assert spec.part is part
    assert Slot(part.kind).parse(spec.tree()) == spec


def test_file_has_the_name_of_the_part(part: Part):
    assert part.target.__module__.rpartition(".")[2] == part.name


def test_what_has_state_can_be_restored(part: Part):
    takes_state = "open" if part.kind == "tracker" else "restore"  # a tracker goes on from it as it opens
    assert hasattr(part.target, "state") == hasattr(part.target, takes_state)


def test_what_is_optional_names_its_extra(part: Part):
    assert bool(part.requires) == (part.extra is not None)


def test_extras_that_parts_name_exist(part: Part):
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert part.extra is None or part.extra in project["optional-dependencies"]


def test_every_kind_has_a_part():
    counted = Counter(part.kind for part in PARTS)
    assert [kind for kind in ROOMS if not counted[kind]] == []
